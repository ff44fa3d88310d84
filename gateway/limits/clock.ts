import { longestTimerMs } from '../services/timer.ts'

/** Time as limits see it; injected so that tests are exact. */
export interface LimitClock {
  /** Milliseconds on a monotonic clock. */
  now(): number
  /** Calls `then` after `ms`, or sooner where that is too long for a timer. @returns What calls it off. */
  after(ms: number, then: () => void): () => void
}

export const systemClock: LimitClock = {
  now: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, Math.min(Math.ceil(ms), longestTimerMs))
    return () => clearTimeout(timer)
  },
}
