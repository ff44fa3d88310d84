import { createHash } from 'node:crypto'
import type { DeliveryHistory } from '../delivery.ts'
import type { DeadLetter } from '../dead-letter.ts'
import type { Address, Message } from '../message.ts'
import { deadLetterReasons } from '../settlement.ts'
import type { DeadLetterReason, FailureNote } from '../settlement.ts'
import type { Marks } from './courier.ts'
import { isUnreadable, numberOf, ownHeaders, stringOf } from './headers.ts'
import type { Table } from './headers.ts'
import { idOf, messageOf, originOf, publishedAtMs, tableIn } from './wire.ts'
import type { Raw } from './wire.ts'

/** Characters of an error's words that are kept. */
const maxNoteLength = 500

export interface Parking {
  readonly reason: DeadLetterReason
  readonly error: FailureNote
  /** In this delivery; deliveries with this one, if it counts. */
  readonly attempts: number
  readonly deliveries: number
  readonly history: DeliveryHistory
  readonly nowMs: number
}

/** What every copy carries, so that it is the same message wherever it comes from. */
export const identityMarks = (message: Message, origin: Address): Marks => ({
  [ownHeaders.publishedAt]: message.publishedAtMs,
  [ownHeaders.exchange]: origin.exchange,
  [ownHeaders.routingKey]: origin.routingKey,
})

/** What is written on a dead letter. */
export const parkingMarks = ({ reason, error, attempts, deliveries, history, nowMs }: Parking): Marks => ({
  [ownHeaders.reason]: reason,
  [ownHeaders.errorType]: error.type.slice(0, maxNoteLength),
  [ownHeaders.errorMessage]: error.message.slice(0, maxNoteLength),
  [ownHeaders.attempts]: history.attempts + attempts,
  [ownHeaders.deliveries]: deliveries,
  [ownHeaders.failures]: undefined,
  [ownHeaders.expiresAt]: undefined,
  [ownHeaders.firstFailedAt]: history.firstFailedAtMs ?? (reason === 'expired' || reason === 'interrupted' ? undefined : nowMs),
  [ownHeaders.parkedAt]: nowMs,
})

/** Takes everything back that counts: a replayed message begins anew. */
export const freshMarks: Marks = Object.fromEntries(
  (['reason', 'errorType', 'errorMessage', 'attempts', 'deliveries', 'failures', 'expiresAt', 'firstFailedAt', 'parkedAt'] as const).map((name) => [
    ownHeaders[name],
    undefined,
  ]),
)

/** Whatever lies in a dead-letter queue as a dead letter: parked by a gateway, by the broker itself, or put there by somebody else. */
export function letterOf(raw: Raw, queue: string, nowMs: number): DeadLetter {
  const table = tableIn(raw)
  const death = deathOf(table, queue)
  const reason = reasonOf(table, death)
  const parkedAtMs = numberOf(table, ownHeaders.parkedAt) ?? death?.atMs ?? publishedAtMs(raw) ?? nowMs
  const message = letterMessage(raw, parkedAtMs)
  const origin = death === undefined || ownHeaders.routingKey in table ? knownOrigin(raw) : death.origin
  return {
    id: message.id,
    queue,
    reason,
    lastError: {
      type: stringOf(table, ownHeaders.errorType) ?? reason,
      message: stringOf(table, ownHeaders.errorMessage) ?? wordsFor[reason],
    },
    attempts: numberOf(table, ownHeaders.attempts) ?? 0,
    deliveries: numberOf(table, ownHeaders.deliveries) ?? 0,
    publishedAtMs: message.publishedAtMs,
    firstFailedAtMs: numberOf(table, ownHeaders.firstFailedAt),
    parkedAtMs,
    exchange: origin?.exchange,
    routingKey: origin?.routingKey,
    contentType: message.contentType,
    headers: message.headers,
    key: message.key,
    bodyBytes: raw.content.length,
  }
}

/** The message of a dead letter; one without id is named after what is in it, so that it can be named again. */
export const letterMessage = (raw: Raw, nowMs: number): Message => messageOf(raw, nowMs, idOf(raw) ?? digestOf(raw))

const digestOf = (raw: Raw): string =>
  createHash('sha256')
    .update(raw.content)
    .update(JSON.stringify([raw.properties.timestamp, raw.properties.correlationId, tableIn(raw)['x-death']]))
    .digest('hex')
    .slice(0, 32)

const wordsFor: Readonly<Record<DeadLetterReason, string>> = {
  rejected: 'put there by somebody else',
  failed: 'failed too often',
  expired: 'older than the ttl of its queue',
  interrupted: 'delivered too often without any outcome',
  invalid: 'cannot be handed to any target, nor be copied',
}

interface Death {
  readonly why: string
  readonly atMs: number | undefined
  readonly origin: Address
}

function reasonOf(table: Table, death: Death | undefined): DeadLetterReason {
  if (isUnreadable(table)) return 'invalid'
  const written = stringOf(table, ownHeaders.reason)
  const known = deadLetterReasons.find((reason) => reason === written)
  if (known !== undefined) return known
  if (death === undefined) return 'rejected'
  // The gateway itself refuses a message only when no copy can be made of it.
  if (death.why === 'rejected') return 'invalid'
  return death.why === 'delivery_limit' ? 'interrupted' : 'expired'
}

const knownOrigin = (raw: Raw): Address | undefined => (ownHeaders.routingKey in tableIn(raw) ? originOf(raw) : undefined)

/** What the broker noted when it moved the message out of `queue` by itself. */
function deathOf(table: Table, queue: string): Death | undefined {
  const deaths: unknown = table['x-death']
  if (!Array.isArray(deaths)) return undefined
  const death = deaths.find((one: unknown): one is Record<string, unknown> => isRecord(one) && one['queue'] === queue)
  if (death === undefined) return undefined
  const { reason, exchange, time, 'routing-keys': keys } = death
  const seconds = isRecord(time) ? time['value'] : undefined
  const key: unknown = Array.isArray(keys) ? keys[0] : undefined
  return {
    why: String(reason),
    atMs: typeof seconds === 'number' ? seconds * 1000 : undefined,
    origin: { exchange: typeof exchange === 'string' ? exchange : '', routingKey: typeof key === 'string' ? key : '' },
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
