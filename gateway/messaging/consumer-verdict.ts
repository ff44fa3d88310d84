import { GatewayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { DeadLetterReason, FailureNote } from './settlement.ts'
import type { TargetAnswer } from './targets/target.ts'

/**
 * What an attempt means for its message.
 * - `done`: its effect has happened.
 * - `failed`: may work later.
 * - `hopeless`: will never work.
 * - `undecided`: nobody tried, or nobody knows; neither an attempt nor a failure.
 */
export type Verdict =
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: FailureNote }
  | { readonly type: 'hopeless'; readonly reason: DeadLetterReason; readonly error: FailureNote }
  | { readonly type: 'undecided'; readonly delayMs?: number }

// 408 and 425 ask for another try, 429 for a later one (RFC 9110, 8470, 6585).
const passing = new Set([408, 425, 429])

const done: Verdict = { type: 'done' }
const undecided: Verdict = { type: 'undecided' }

/** Redirects are not followed: a message is for the address that was configured, and a second try would be sent away again. */
export function verdictOfAnswer({ status, postponeMs, failure }: Pick<TargetAnswer, 'status' | 'postponeMs' | 'failure'>): Verdict {
  if (postponeMs !== undefined) return { type: 'undecided', delayMs: postponeMs }
  if (status >= 200 && status < 300) return done
  const error: FailureNote = failure ?? { type: `status_${status}`, message: `The service answered ${status}` }
  return status >= 500 || passing.has(status) ? { type: 'failed', error } : { type: 'hopeless', reason: 'rejected', error }
}

const rejected = new Set<ErrorCode>(['EVENT_INVALID', 'EVENT_SOURCE_UNDECLARED', 'OPERATION_FAILED', 'IDEMPOTENCY_CONFLICT'])
const invalid = new Set<ErrorCode>(['BAD_REQUEST', 'BODY_TOO_LARGE', 'HEADERS_TOO_LARGE', 'OPERATION_INPUT_INVALID'])
const nobodysFault = new Set<ErrorCode>(['CIRCUIT_OPEN', 'CLIENT_GONE'])

export function verdictOfError(thrown: unknown): Verdict {
  const known = thrown instanceof GatewayError ? thrown : new GatewayError('INTERNAL', { cause: thrown })
  if (nobodysFault.has(known.code)) return undecided
  const error: FailureNote = { type: known.code.toLowerCase(), message: known.message }
  if (rejected.has(known.code)) return { type: 'hopeless', reason: 'rejected', error }
  if (invalid.has(known.code)) return { type: 'hopeless', reason: 'invalid', error }
  return { type: 'failed', error }
}
