export interface BackoffPolicy {
  readonly baseDelayMs: number
  readonly maxDelayMs: number
}

/**
 * Delay before the next attempt: exponential growth with a cap, spread by full jitter.
 * @param attempt Attempt that just failed, counted from 1.
 * @param random Uniform in [0, 1); injected so that tests are exact.
 * @returns Milliseconds in [0, min(maxDelayMs, baseDelayMs * 2^(attempt - 1))). Never throws.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export const backoffMs = (policy: BackoffPolicy, attempt: number, random: () => number): number => random() * maxBackoffMs(policy, attempt)

/** The longest that {@link backoffMs} can be after `attempt`, in milliseconds. */
export const maxBackoffMs = (policy: BackoffPolicy, attempt: number): number => Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1))
