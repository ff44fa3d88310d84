/**
 * How a delivery ends. Every delivery is settled exactly once, after its effect.
 *
 * - `ack`: handled; the message leaves the queue.
 * - `retry`: failed, may work later; comes back after `delayMs`, counted as one more failed delivery.
 * - `release`: not handled and nobody's failure (the circuit was open, the gateway is stopping); comes back after `delayMs`, not counted.
 * - `dead_letter`: will not work; goes to the dead letters of its queue, or is discarded where the queue keeps none.
 *
 * `attempts` are those made during this delivery; the broker adds them to those of the earlier ones.
 */
export type Settlement =
  | { readonly outcome: 'ack' }
  | { readonly outcome: 'retry'; readonly delayMs: number; readonly attempts: number; readonly error: FailureNote }
  | { readonly outcome: 'release'; readonly delayMs: number }
  | { readonly outcome: 'dead_letter'; readonly reason: DeadLetterReason; readonly attempts: number; readonly error: FailureNote }

export type Outcome = Settlement['outcome']

/**
 * - `rejected`: the target refused the message for good (4xx, invalid for its schema).
 * - `failed`: `dead_letter_after` deliveries have failed.
 * - `expired`: older than the `ttl` of its queue.
 * - `interrupted`: the gateway ended or lost its broker in the middle of it again and again (see `maxInterruptions`).
 * - `invalid`: cannot be handed to any target (too large, too many headers).
 */
export const deadLetterReasons = ['rejected', 'failed', 'expired', 'interrupted', 'invalid'] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]

/** Why the last attempt failed, in words that may be shown to an operator: no secrets, no bodies. At most 500 characters are kept. */
export interface FailureNote {
  /** Code of the error catalogue in lower case, or `status_503`. */
  readonly type: string
  readonly message: string
}

/**
 * Deliveries of one message that may end without any settlement (crash, lost connection) before it is taken for the cause
 * and parked as `interrupted`. They do not count towards `dead_letter_after`. The broker does that: it alone can tell them from releases.
 */
export const maxInterruptions = 20
