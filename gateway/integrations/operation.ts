import type { JsonValue } from '../../config/model.ts'
import type { ProviderFailure } from '../plugin.ts'

/** Operations of all integrations in force, as routes, consumers, flows and alerts call them. */
export interface Operations {
  /**
   * Does the intent, or goes on with it: validates the input, claims the key, calls the provider, applies the failure modes.
   * The outcome is stored before this resolves.
   * @throws {GatewayError} OPERATION_INPUT_INVALID (422), IDEMPOTENCY_KEY_MISSING (400), IDEMPOTENCY_CONFLICT (422), IDEMPOTENCY_IN_PROGRESS (409),
   * STATE_UNAVAILABLE (503), CLIENT_GONE.
   */
  execute(request: OperationRequest): Promise<OperationResult>
  /**
   * Goes on with an intent that was put into a queue, by the `intentHeader` of its message; undefined when nothing is known of it any more.
   * @throws {GatewayError} IDEMPOTENCY_IN_PROGRESS, STATE_UNAVAILABLE
   */
  resume(id: string, from: 'delivery'): Promise<OperationResult | undefined>
  /** How an intent is doing; undefined when its id is unknown. */
  status(id: string): Promise<IntentStatus | undefined>
}

export interface OperationRequest {
  readonly integration: string
  readonly operation: string
  readonly input: JsonValue
  /** Of the caller: names the intent. Undefined: one of its own is made, for operations that do not require one. */
  readonly key: string | undefined
  /** Keeps equal keys of different callers apart: the place of the route, the queue of the consumer, the name of the flow. */
  readonly scope: string
  /**
   * - `door`: a caller waits; attempts go by `retry` of the integration, `queue` puts the intent into its queue.
   * - `delivery`: a message that will come again; one attempt, what would be queued is `wait`.
   * - `step`: of a flow, which repeats by itself; as `delivery`.
   */
  readonly from: 'door' | 'delivery' | 'step'
  /** For how long the intent is remembered after its end; as the integration says where undefined. */
  readonly ttlMs?: number
  /** Milliseconds on the monotonic clock; `Infinity` for none. */
  readonly deadlineAtMs: number
  /** Aborts when nobody waits any more: an attempt under way goes on to its end where its outcome matters. */
  readonly signal?: AbortSignal
  /** Header values for the trace of the call to the provider. */
  readonly trace?: { readonly traceparent: string }
}

export type Tell = readonly { readonly language: string; readonly text: string }[]

/**
 * - `completed`: the effect has happened, or there was none to have.
 * - `pending`: stored, goes on by itself; ask for `id` at the status path.
 * - `failed`: will not happen by this intent.
 * - `skipped`: dropped as declared; counts as done for queues and flows.
 * - `wait`: only for `delivery` and `step`: nothing is decided, come again after `delayMs`. `counted`: no failure mode foresees it, so that it
 *   counts as a failed attempt; otherwise it is not the message's fault.
 */
export type OperationResult =
  | { readonly type: 'completed'; readonly id: string; readonly output: JsonValue; readonly replayed: boolean; readonly by: string }
  | {
      readonly type: 'pending'
      readonly id: string
      readonly mode: string | undefined
      readonly tell: Tell | undefined
      readonly status: number
      readonly retryAfterMs: number | undefined
      readonly replayed: boolean
    }
  | {
      readonly type: 'failed'
      readonly id: string
      readonly failure: StoredFailure
      readonly mode: string | undefined
      readonly tell: Tell | undefined
      readonly status: number
      readonly replayed: boolean
    }
  | {
      readonly type: 'skipped'
      readonly id: string
      readonly mode: string
      readonly tell: Tell | undefined
      readonly status: number
      readonly replayed: boolean
    }
  | {
      readonly type: 'wait'
      readonly id: string
      readonly mode: string | undefined
      readonly delayMs: number
      readonly counted: boolean
      readonly failure: StoredFailure | undefined
    }

/** A `ProviderFailure` as it is stored and shown. */
export type StoredFailure = Pick<ProviderFailure, 'kind' | 'executed' | 'message'> & {
  readonly status?: number
  readonly code?: string
  readonly retryAfterMs?: number
}

/**
 * - `running`: a process works on it.
 * - `queued`: its message waits in a queue.
 * - `verifying`: the outcome of an attempt is unknown; repeated with its key and asked after.
 * - `completed`, `failed`, `skipped`: ended.
 * - `review`: parked, a person has to decide.
 */
export const intentStates = ['running', 'queued', 'verifying', 'completed', 'failed', 'skipped', 'review'] as const

export type IntentState = (typeof intentStates)[number]

export interface IntentStatus {
  readonly id: string
  readonly integration: string
  readonly operation: string
  readonly state: IntentState
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly attempts: number
  readonly failure: StoredFailure | undefined
  readonly mode: string | undefined
  readonly tell: Tell | undefined
  /** Of the answer to the caller, for one that has failed. */
  readonly status?: number
  /** Of a completed one. */
  readonly output: JsonValue | undefined
}

/** Header of messages that were made by a failure mode: the id of the intent to go on with. Their body is a note for people. */
export const intentHeader = 'headgate-intent'

/** What a caller is told who uses a key for something else. */
export const otherInput = 'The input was another one before. A new intent needs a new key.'
