import type { RouteConfig } from '../../config/model.ts'
import { isIdempotent } from '../../gateway/http/service-rules.ts'
import { maxBackoffMs } from '../../gateway/policies/backoff.ts'

/** What one request may cost at most, until the response headers are here. */
export interface WorstCase {
  /** Milliseconds; Infinity where nothing bounds it. */
  readonly waitMs: number
  /** The same when the service asks for longer waits with `Retry-After`; equal to `waitMs` where that makes no difference. */
  readonly waitWithRetryAfterMs: number
  /** Calls that may reach the service. */
  readonly calls: number
  /** Connection attempts; more than `calls` when a request may be repeated only if it was never sent. */
  readonly attempts: number
  /** The sum, as a sentence. */
  readonly bound: 'attempts' | 'deadline' | 'none'
}

/**
 * @param headers Of the request: an idempotency key makes POST and PATCH repeatable.
 */
export const worstCase = (route: RouteConfig, method: string, headers: Readonly<Record<string, unknown>>): WorstCase => {
  const { retry, timeoutMs, deadlineMs } = route
  const attempts = retry?.maxAttempts ?? 1
  let backoffMs = 0
  let askedMs = 0
  if (retry !== undefined) {
    for (let attempt = 1; attempt < attempts; attempt += 1) backoffMs += maxBackoffMs(retry, attempt)
    askedMs = (attempts - 1) * retry.maxDelayMs
  }
  const key = retry?.idempotencyHeader
  const repeatable = isIdempotent(method) || (key !== undefined && key in headers)
  const unboundedMs = attempts * timeoutMs + backoffMs
  return {
    waitMs: Math.min(deadlineMs, unboundedMs),
    waitWithRetryAfterMs: Math.min(deadlineMs, attempts * timeoutMs + (repeatable ? askedMs : backoffMs)),
    calls: repeatable ? attempts : 1,
    attempts,
    bound: deadlineMs < unboundedMs ? 'deadline' : unboundedMs === Number.POSITIVE_INFINITY ? 'none' : 'attempts',
  }
}
