import type { DeadLetter, DeadLetterFilter } from '../dead-letter.ts'
import type { QueueStats } from '../broker.ts'
import type { DeadLetterReason, Settlement } from '../settlement.ts'

/** What the broker asks of the thread that owns its file, and what it hears from it. Crosses by structured clone. */
export interface BrokerOperations {
  readonly declare: { readonly request: readonly QueueSettings[]; readonly answer: void }
  readonly publish: { readonly request: PublishRequest; readonly answer: Published }
  readonly subscribe: { readonly request: SubscriptionSettings; readonly answer: void }
  readonly flow: { readonly request: { readonly subscription: number; readonly paused: boolean }; readonly answer: void }
  readonly unsubscribe: { readonly request: number; readonly answer: void }
  /** False: the delivery is not known here (any more). */
  readonly settle: { readonly request: { readonly seq: number; readonly settlement: Settlement }; readonly answer: boolean }
  /** Deliveries that go back unsettled; those that no consumer has seen (`seen` false) as if they had not been made. */
  readonly giveBack: { readonly request: readonly { readonly seq: number; readonly seen: boolean }[]; readonly answer: void }
  readonly stats: { readonly request: readonly string[]; readonly answer: readonly QueueStats[] }
  /** Milliseconds that the clock of the broker is ahead of the thread's. */
  readonly clock: { readonly request: number; readonly answer: void }
  /** Writes something that changes nothing: whether writing works. */
  readonly probe: { readonly request: undefined; readonly answer: void }
  readonly newestLetter: { readonly request: string; readonly answer: number }
  readonly letters: { readonly request: LetterPageRequest; readonly answer: LetterPage }
  readonly letter: { readonly request: { readonly queue: string; readonly id: string }; readonly answer: LetterWithBody | undefined }
  readonly replay: { readonly request: LetterPageRequest; readonly answer: LetterStep }
  readonly drop: { readonly request: LetterPageRequest; readonly answer: LetterStep }
}

/** They take no write lock: they work on a full disk, and say nothing about whether writing does. */
export const readOnlyOperations = [
  'subscribe',
  'flow',
  'unsubscribe',
  'stats',
  'clock',
  'newestLetter',
  'letters',
  'letter',
] as const satisfies readonly (keyof BrokerOperations)[]

export type BrokerEvent =
  | { readonly type: 'deliveries'; readonly subscription: number; readonly rows: readonly DeliveryRow[] }
  /** Messages that left their queue without a settlement, or without being kept. */
  | { readonly type: 'parked'; readonly queue: string; readonly reason: DeadLetterReason; readonly count: number; readonly kept: boolean }

export interface BrokerData {
  readonly path: string
  readonly clockAheadMs: number
}

export interface QueueSettings {
  readonly name: string
  readonly durable: boolean
  readonly ttlMs: number
  readonly deadLetter: boolean
  readonly maxLength: number
  readonly maxBytes: number
}

export interface MessageRow {
  readonly id: string
  readonly body: Uint8Array
  readonly contentType: string | null
  /** JSON. */
  readonly headers: string
  readonly key: string | null
  readonly publishedAtMs: number
}

export interface PublishRequest {
  readonly queues: readonly string[]
  readonly exchange: string
  readonly routingKey: string
  readonly message: MessageRow
}

/** `full`: one of the queues has reached its limit; nothing was stored in any. */
export type Published = 'stored' | 'full'

export interface SubscriptionSettings {
  readonly subscription: number
  readonly queue: string
  readonly prefetch: number
  readonly exclusive: boolean
  readonly consumer: string
  readonly paused: boolean
}

export interface DeliveryRow extends MessageRow {
  readonly seq: number
  readonly deliveries: number
  readonly failures: number
  readonly attempts: number
  readonly firstFailedAtMs: number | null
}

/** Dead letters after the one numbered `after`, up to and including `upTo`, in the order of parking. */
export interface LetterPageRequest {
  readonly queue: string
  readonly filter: DeadLetterFilter
  readonly after: number
  readonly upTo: number
}

export interface LetterPage {
  readonly letters: readonly DeadLetter[]
  /** Where the next page begins; undefined at the end. */
  readonly next: number | undefined
}

export interface LetterStep {
  readonly done: number
  readonly next: number | undefined
  /** The queue takes no more. */
  readonly full: boolean
}

export interface LetterWithBody {
  readonly letter: DeadLetter
  readonly body: Uint8Array
}
