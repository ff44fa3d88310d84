import type { DeadLetterFilter, DeadLetters } from '../../messaging/dead-letter.ts'
import type { DeadLetterReason } from '../../messaging/settlement.ts'

export interface DeadLetterSummary {
  readonly queue: string
  readonly count: number
  /** Milliseconds since the epoch; undefined when there are none. */
  readonly oldestParkedAtMs: number | undefined
  readonly newestParkedAtMs: number | undefined
  readonly reasons: Readonly<Partial<Record<DeadLetterReason, number>>>
}

/**
 * Walks over the dead letters of one queue and keeps nothing but counts.
 * @param signal Ends the walk early, with what was counted so far.
 * @throws {GatewayError} BROKER_UNAVAILABLE
 */
export const deadLetterSummary = async (
  letters: DeadLetters,
  queue: string,
  filter: DeadLetterFilter,
  signal?: AbortSignal,
): Promise<DeadLetterSummary> => {
  const reasons: Partial<Record<DeadLetterReason, number>> = {}
  let count = 0
  let oldest = Number.POSITIVE_INFINITY
  let newest = Number.NEGATIVE_INFINITY
  for await (const { reason, parkedAtMs } of letters.list(queue, filter)) {
    count += 1
    reasons[reason] = (reasons[reason] ?? 0) + 1
    oldest = Math.min(oldest, parkedAtMs)
    newest = Math.max(newest, parkedAtMs)
    if (signal?.aborted === true) break
  }
  const known = count > 0
  return { queue, count, oldestParkedAtMs: known ? oldest : undefined, newestParkedAtMs: known ? newest : undefined, reasons }
}

/** How many dead letters match. @throws {GatewayError} BROKER_UNAVAILABLE */
export const deadLetterCount = async (letters: DeadLetters, queue: string, filter: DeadLetterFilter, signal?: AbortSignal): Promise<number> =>
  (await deadLetterSummary(letters, queue, filter, signal)).count
