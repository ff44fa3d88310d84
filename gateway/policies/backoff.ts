export interface BackoffPolicy {
  /** How the longest wait grows with the attempts; exponential when absent. */
  readonly kind?: 'exponential' | 'linear' | 'constant'
  readonly baseDelayMs: number
  readonly maxDelayMs: number
}

/**
 * Delay before the next attempt: growth with a cap, spread by full jitter.
 * @param attempt Attempt that just failed, counted from 1.
 * @param random Uniform in [0, 1); injected so that tests are exact.
 * @returns Milliseconds in [0, {@link maxBackoffMs}). Never throws.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
 */
export const backoffMs = (policy: BackoffPolicy, attempt: number, random: () => number): number => random() * maxBackoffMs(policy, attempt)

/**
 * The longest that {@link backoffMs} can be after `attempt`, in milliseconds: `baseDelayMs` times 2^(attempt - 1), times `attempt`, or as
 * it is, and never more than `maxDelayMs`.
 */
export const maxBackoffMs = (policy: BackoffPolicy, attempt: number): number =>
  Math.min(policy.maxDelayMs, policy.baseDelayMs * factor(policy, attempt))

const factor = ({ kind }: BackoffPolicy, attempt: number): number => (kind === 'constant' ? 1 : kind === 'linear' ? attempt : 2 ** (attempt - 1))
