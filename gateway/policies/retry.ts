import { GatewayError } from '../errors.ts'
import type { Call, Stage } from '../pipe.ts'
import { type BackoffPolicy, backoffMs } from './backoff.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface RetryPolicy extends BackoffPolicy {
  /** Attempts at most, the first one included. */
  readonly maxAttempts: number
}

/** What a protocol knows about its own outcomes. */
export interface RetryRules<In, Out> {
  /** Whether this error may go away, and repeating the call cannot do harm. */
  mayRepeatError(input: In, call: Call, error: unknown): boolean
  /** Whether this result is a failure that may go away, and repeating the call cannot do harm. */
  mayRepeatResult(input: In, call: Call, result: Out): boolean
  /** Milliseconds that the other side asked to wait (`Retry-After`); undefined where it did not ask. */
  askedDelayMs(result: Out): number | undefined
  /** Gives up a result that will not be used. */
  discard(result: Out): void
}

/** How an attempt ended that is repeated. */
export type FailedAttempt<Out> = { readonly result: Out } | { readonly error: unknown }

export interface RetryDeps<In, Out> {
  readonly budget: RetryBudget
  /** Milliseconds on a monotonic clock. */
  now(): number
  random(): number
  /** Resolves after `ms`; rejects when the call is cancelled meanwhile. */
  sleep(ms: number, input: In, call: Call): Promise<void>
  onRetry(failed: FailedAttempt<Out>): void
  onBudgetExhausted(): void
}

/**
 * Repeats a call that failed in a way that may go away. Stops when attempts, budget or deadline are used up;
 * then the last outcome, answer or error, is what the caller gets.
 * @throws {GatewayError} DEADLINE_EXCEEDED when a wait took longer than it should have.
 */
export const retry =
  <In, Out>(policy: RetryPolicy, rules: RetryRules<In, Out>, deps: RetryDeps<In, Out>): Stage<In, Out> =>
  (next) =>
  async (input, call) => {
    deps.budget.called()
    for (;;) {
      let delayMs: number | undefined
      let failed: FailedAttempt<Out>
      try {
        const result = await next(input, call)
        if (!rules.mayRepeatResult(input, call, result)) return result
        delayMs = nextDelayMs(policy, deps, call, rules.askedDelayMs(result))
        if (delayMs === undefined) return result
        rules.discard(result)
        failed = { result }
      } catch (error) {
        if (!rules.mayRepeatError(input, call, error)) throw error
        delayMs = nextDelayMs(policy, deps, call, undefined)
        if (delayMs === undefined) throw error
        failed = { error }
      }
      deps.onRetry(failed)
      await deps.sleep(delayMs, input, call)
      // A late timer must not begin an attempt that has no time left: it would count against the target.
      if (deps.now() >= call.deadlineAtMs) throw new GatewayError('DEADLINE_EXCEEDED')
    }
  }

/** Milliseconds to wait before the next attempt; undefined when there must not be one. */
function nextDelayMs(policy: RetryPolicy, deps: RetryDeps<never, never>, call: Call, askedMs: number | undefined): number | undefined {
  if (call.aborted || call.attempts >= policy.maxAttempts) return undefined
  const remainingMs = call.deadlineAtMs - deps.now()
  // Without a deadline nobody agreed to wait longer than the longest backoff.
  if (askedMs !== undefined && askedMs > (remainingMs === Infinity ? policy.maxDelayMs : remainingMs)) return undefined
  const delayMs = Math.max(askedMs ?? 0, backoffMs(policy, call.attempts, deps.random))
  if (delayMs >= remainingMs) return undefined
  if (deps.budget.take()) return delayMs
  deps.onBudgetExhausted()
  return undefined
}
