import type { RateConfig } from '../../config/model.ts'

/** Calls that wait, by priority: P0, P1, P2. */
export type Demand = readonly [number, number, number]

export interface Grants {
  readonly granted: Demand
  /** Milliseconds until there may be more; 0 where nothing is missing. */
  readonly nextInMs: number
  /** Where it must be asked sooner than that, as long as somebody waits. */
  readonly askInMs?: number
}

/** Where grants come from: never more of a bucket than its limit within any window. */
export interface GrantSource {
  /** Those of higher priority first. Zeros: nobody waits any more. Never rejects. */
  take(bucket: string, rate: RateConfig, demand: Demand): Grants | Promise<Grants>
  close(): void
}

export interface GrantLog extends GrantSource {
  take(bucket: string, rate: RateConfig, demand: Demand): Grants
  /** Made elsewhere, and counted here as well. */
  note(bucket: string, rate: RateConfig, grants: number): void
  /** Grants within the last window. */
  count(bucket: string, rate: RateConfig): number
  forget(bucket: string): void
}

/** Beyond so many buckets those whose grants are all over are forgotten. */
const manyBuckets = 1000

/**
 * Remembers the time of every grant for one window, which is what makes the limit exact: a count for each window would let twice the limit
 * pass at the edge of two, and a bucket that is filled up bit by bit its burst and the refill. Eight bytes for each grant.
 * @param now Milliseconds on a monotonic clock: one that is set back must not stop, and one that is set forward not double the calls.
 */
export function grantLog(now: () => number): GrantLog {
  const buckets = new Map<string, { times: number[]; windowMs: number }>()

  const timesOf = (bucket: string, { windowMs }: RateConfig): number[] => {
    let known = buckets.get(bucket)
    if (known === undefined) {
      if (buckets.size >= manyBuckets) sweep()
      known = { times: [], windowMs }
      buckets.set(bucket, known)
    }
    known.windowMs = windowMs
    known.times = after(known.times, now() - windowMs)
    return known.times
  }
  const sweep = (): void => {
    for (const [bucket, { times, windowMs }] of buckets) if (now() - (times.at(-1) ?? -Infinity) >= windowMs) buckets.delete(bucket)
  }
  const note: GrantLog['note'] = (bucket, rate, grants) => {
    const times = timesOf(bucket, rate)
    const atMs = now()
    for (let i = 0; i < grants; i += 1) times.push(atMs)
  }

  return {
    take: (bucket, rate, demand) => {
      const times = timesOf(bucket, rate)
      const granted = shared(demand, Math.max(0, rate.limit - times.length))
      note(bucket, rate, total(granted))
      if (total(granted) === total(demand)) return { granted, nextInMs: 0 }
      const first = times[Math.max(0, times.length - rate.limit)] ?? now()
      return { granted, nextInMs: Math.max(0, first + rate.windowMs - now()) }
    },
    note,
    count: (bucket, rate) => timesOf(bucket, rate).length,
    forget: (bucket) => void buckets.delete(bucket),
    close: () => buckets.clear(),
  }
}

export const total = (demand: Demand): number => demand[0] + demand[1] + demand[2]

function shared(demand: Demand, free: number): Demand {
  const first = Math.min(demand[0], free)
  const second = Math.min(demand[1], free - first)
  return [first, second, Math.min(demand[2], free - first - second)]
}

/** Those of `times`, which rise, that are later; the same array while it has few others. */
function after(times: number[], ms: number): number[] {
  let over = 0
  while (over < times.length && (times[over] ?? Infinity) <= ms) over += 1
  if (over > 0) times.splice(0, over)
  return times
}
