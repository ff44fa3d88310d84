import { GatewayError } from '../errors.ts'
import type { Stage } from '../pipe.ts'

export interface AttemptTimeoutDeps {
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/**
 * Bounds ONE attempt, and by the deadline of the whole call where that comes first. While a body is being streamed, the time
 * counts from its last piece; the deadline counts in any case.
 * The attempt is ended through `call.cancel` and rejects with the error given there.
 * @param timeoutMs Milliseconds; `Infinity` for none.
 * @throws {GatewayError} UPSTREAM_TIMEOUT, or DEADLINE_EXCEEDED when the deadline was the shorter one.
 */
export const attemptTimeout =
  <In, Out>(timeoutMs: number, deps: AttemptTimeoutDeps): Stage<In, Out> =>
  (next) =>
  async (input, call) => {
    const remainingMs = call.deadlineAtMs === Infinity ? Infinity : call.deadlineAtMs - deps.now()
    if (remainingMs <= 0) throw new GatewayError('DEADLINE_EXCEEDED')
    const limitMs = Math.min(timeoutMs, remainingMs)
    if (limitMs === Infinity) return next(input, call)
    let byDeadline = limitMs < timeoutMs
    const expire = (): void => {
      const nowMs = deps.now()
      const restMs = timeoutMs - (nowMs - call.progressAtMs)
      byDeadline ||= nowMs >= call.deadlineAtMs
      if (byDeadline || restMs <= 0) {
        call.cancel(new GatewayError(byDeadline ? 'DEADLINE_EXCEEDED' : 'UPSTREAM_TIMEOUT', { sent: call.sent }))
        return
      }
      byDeadline = call.deadlineAtMs - nowMs < restMs
      timer = setTimeout(expire, Math.min(restMs, call.deadlineAtMs - nowMs))
    }
    let timer = setTimeout(expire, limitMs)
    try {
      return await next(input, call)
    } finally {
      clearTimeout(timer)
    }
  }
