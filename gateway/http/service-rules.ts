import { GatewayError } from '../errors.ts'
import type { CircuitRules } from '../policies/circuit-breaker.ts'
import type { ErrorType } from '../observe/metrics.ts'
import type { FailedAttempt, RetryRules } from '../policies/retry.ts'
import type { Exchange } from './exchange.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'

// RFC 9110, section 9.2.2, and QUERY (idempotent by its definition).
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'])

export const isIdempotent = (method: string): boolean => idempotentMethods.has(method)

const targetsFault = new Set<string>([
  'UPSTREAM_CONNECT_FAILED',
  'UPSTREAM_RESET',
  'UPSTREAM_INVALID_RESPONSE',
  'UPSTREAM_TIMEOUT',
  'DEADLINE_EXCEEDED',
])

/** Connect errors, resets and timeouts count against a service; what the client or the gateway itself did does not. */
export const countsAgainstService = (error: unknown): boolean => error instanceof GatewayError && targetsFault.has(error.code)

export const httpCircuitRules: CircuitRules<UpstreamAnswer> = {
  isFailure: (answer) => answer.status >= 500,
  countsAgainst: countsAgainstService,
}

/**
 * What may be repeated. A request that may have been acted upon is repeated only when its method is idempotent,
 * or when it carries the idempotency key that the rule declares.
 */
export function httpRetryRules(idempotencyHeader: string | undefined): RetryRules<Exchange, UpstreamAnswer> {
  const repeatable = (exchange: Exchange): boolean =>
    isIdempotent(exchange.method) || (idempotencyHeader !== undefined && exchange.req.headers[idempotencyHeader] !== undefined)
  return {
    mayRepeatError: (exchange, call, error) => {
      if (!(error instanceof GatewayError) || !error.retryable || exchange.body?.replayable === false) return false
      return !call.sent || repeatable(exchange)
    },
    mayRepeatResult: (exchange, _call, { status, headers }) => {
      if (status !== 502 && status !== 503 && status !== 504 && !(status === 429 && headers['retry-after'] !== undefined)) return false
      return exchange.body?.replayable !== false && repeatable(exchange)
    },
    askedDelayMs: (answer) => retryAfterMs(answer.headers['retry-after'], Date.now()),
    discard: (answer) => answer.discard(),
  }
}

/** What `integration_errors_total` calls a failed attempt; undefined for an answer that is none of the service's failures (429). */
export function errorType(failed: FailedAttempt<UpstreamAnswer>): ErrorType | undefined {
  if ('result' in failed) return failed.result.status >= 500 ? 'http_5xx' : undefined
  return failed.error instanceof GatewayError ? (failed.error.code.toLowerCase() as ErrorType) : 'internal'
}

/**
 * `Retry-After` (RFC 9110, section 10.2.3): seconds, or an HTTP date.
 * @returns Milliseconds from now, 0 for the past; undefined for junk.
 */
export function retryAfterMs(value: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^[0-9]{1,12}$/.test(value)) return Number(value) * 1000
  if (!/^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/.test(value)) return undefined
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
