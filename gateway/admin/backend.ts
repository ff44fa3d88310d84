import type { Diagnostic } from '../../config/diagnostics/diagnostic.ts'
import type { FlowDesk } from '../flows/flow-desk.ts'
import type { IntentDesk } from '../integrations/intent-desk.ts'
import type { ConsumerStatus } from '../messaging/consumer-contract.ts'
import type { DeadLetters } from '../messaging/dead-letter.ts'

/** What the admin listener asks of the running gateway. */
export interface AdminBackend {
  ready(): Readiness
  /** Prometheus text. */
  metrics(): Promise<string>
  /** Anything JSON can hold. */
  status(): Promise<object>
  /** Loads the configuration again; a bad one leaves the old one serving. */
  reload(): Promise<ReloadResult>
  readonly messaging: MessagingOperations
  /** Absent where there is no state to look into. */
  readonly flows?: FlowDesk
  readonly intents?: IntentDesk
}

/** What an operator may do to queues and consumers. Everything is meant of the configuration that serves at that moment. */
export interface MessagingOperations {
  /** Names of the declared queues that keep dead letters, in the order of the configuration. */
  queues(): readonly string[]
  /** Undefined for a queue that is not declared. Nothing is connected before one of its calls. */
  deadLetters(queue: string): DeadLetters | undefined
  /** One entry per consumer; the numbers of several worker processes are added up. */
  consumers(): Promise<readonly ConsumerStatus[]>
  /**
   * No new deliveries in any worker process until `resume`; a reload that leaves the consumer as it is leaves it paused.
   * @returns False when there is none of this name.
   */
  pause(consumer: string): Promise<boolean>
  /** @returns False when there is none of this name. */
  resume(consumer: string): Promise<boolean>
}

export interface Readiness {
  readonly ready: boolean
  /** Why not. */
  readonly reason?: string
}

export interface ReloadResult {
  readonly ok: boolean
  /** Of the configuration that serves now. */
  readonly generation: number
  readonly hash: string
  readonly changed: boolean
  /** Why it failed, in one sentence; the only word where the cause is no finding, such as a file that is gone or a port in use. */
  readonly error?: string
  /** Errors when it failed; may hold warnings when it worked. */
  readonly diagnostics?: readonly Diagnostic[]
}
