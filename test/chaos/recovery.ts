import type { Ledger } from './ledger.ts'
import { nowMs } from './sender.ts'
import { until } from '../kit/until.ts'

/** How long a rate is measured. */
export const windowMs = 1000

/**
 * Waits until messages are acknowledged at `share` of the rate of before.
 * @param sinceMs When the trouble was over.
 * @param patienceMs Longest wait.
 * @returns Milliseconds from `sinceMs` to the begin of the first such second; `Infinity` when there was none.
 */
export async function recoveryMs(ledger: Ledger, wantedRate: number, share: number, sinceMs: number, patienceMs = 20_000): Promise<number> {
  let fromMs = sinceMs
  const recovered = (): boolean => {
    while (fromMs + windowMs <= nowMs()) {
      if (ledger.rate(fromMs, fromMs + windowMs) >= wantedRate * share) return true
      fromMs += 50
    }
    return false
  }
  return until('the rate is back', recovered, patienceMs).then(
    () => fromMs - sinceMs,
    () => Infinity,
  )
}

/** The rate of a span that has passed when this resolves. */
export async function steadyRate(ledger: Ledger, spanMs: number): Promise<number> {
  const fromMs = nowMs()
  await until('the span has passed', () => nowMs() >= fromMs + spanMs, spanMs + 5000)
  return ledger.rate(fromMs, fromMs + spanMs)
}

/** Lets time pass: for as long as a trouble is meant to last. */
export const lasting = (ms: number): Promise<void> => {
  const endMs = nowMs() + ms
  return until('the time is over', () => nowMs() >= endMs, ms + 5000)
}
