import type { Ledger } from './ledger.ts'
import type { TargetRecord } from './record.ts'

/** Every message has one fate; what does not add up is counted. */
export interface Counts {
  /** Messages for which at least one request was sent. */
  readonly attempted: number
  /** Those that were answered with 202. */
  readonly acknowledged: number
  /** Acknowledged, and neither handled by the target nor among the dead letters. */
  readonly lost: number
  /** Arrivals at the target after one that it had handled, and dead letters of messages that it had handled. */
  readonly duplicated: number
  /** Of the duplicated: those of messages for which more than one request was sent. */
  readonly duplicatedOfResent: number
  /** Arrivals and dead letters that belong to no message that was sent. */
  readonly unexpected: number
  readonly deadLettered: number
  /** Requests that the target did not answer with success. */
  readonly failedAttempts: number
}

/**
 * Compares what the sender was promised with what the target got; neither side has heard of the other.
 * @param deadLetters Number of the message of each dead letter; 0 for one that is not of this run.
 */
export function check(
  sent: Pick<Ledger, 'attempted' | 'confirmed' | 'isConfirmed' | 'tries'>,
  got: TargetRecord,
  deadLetters: readonly number[],
): Counts {
  const wasSent = (n: number): boolean => n >= 1 && n <= sent.attempted
  const handled = new Map<number, number>()
  const parked = new Set(deadLetters)
  let unexpected = got.foreign + deadLetters.filter((n) => !wasSent(n)).length
  let duplicated = 0
  let duplicatedOfResent = 0
  let failedAttempts = 0

  const duplicate = (n: number, count: number): void => {
    duplicated += count
    if (sent.tries(n) > 1) duplicatedOfResent += count
  }
  for (const [n, successes, failures] of got.entries) {
    failedAttempts += failures
    if (!wasSent(n)) {
      unexpected += successes + failures
      continue
    }
    handled.set(n, successes)
    if (successes > 1) duplicate(n, successes - 1)
  }
  for (const [n, count] of countsOf(deadLetters.filter(wasSent))) {
    const extra = (handled.get(n) ?? 0) > 0 ? count : count - 1
    if (extra > 0) duplicate(n, extra)
  }
  let lost = 0
  for (let n = 1; n <= sent.attempted; n += 1) if (sent.isConfirmed(n) && (handled.get(n) ?? 0) === 0 && !parked.has(n)) lost += 1
  return {
    attempted: sent.attempted,
    acknowledged: sent.confirmed,
    lost,
    duplicated,
    duplicatedOfResent,
    unexpected,
    deadLettered: deadLetters.length,
    failedAttempts,
  }
}

function countsOf(numbers: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const n of numbers) counts.set(n, (counts.get(n) ?? 0) + 1)
  return counts
}
