import { RollingCounts } from './rolling-counts.ts'

const windowMs = 10_000

/**
 * Keeps retries from multiplying the load on a sick target: over the last 10 s, retries may be at most
 * `percent` of the calls, or `minPerSecond` x 10 where that is more (so that quiet routes may retry).
 * Source: the idea is Finagle's RetryBudget (Twitter) and Envoy's `retry_budget`.
 */
export interface RetryBudget {
  /** Counts a call (its first attempt). */
  called(): void
  /** Takes one retry out of the budget; false when there is none left. */
  take(): boolean
}

export function retryBudget(policy: { readonly percent: number; readonly minPerSecond: number }, now: () => number): RetryBudget {
  const counts = new RollingCounts(windowMs, now)
  const floor = (policy.minPerSecond * windowMs) / 1000
  return {
    called: () => counts.addFirst(),
    take: () => {
      if (counts.second + 1 > Math.max(floor, (counts.first * policy.percent) / 100)) return false
      counts.addSecond()
      return true
    },
  }
}
