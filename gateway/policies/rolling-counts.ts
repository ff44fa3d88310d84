const buckets = 10

/**
 * Two counters over a sliding window, in ten buckets that are reused: no timers, no allocation.
 * A count is forgotten between 0.9 and 1 window after it was made.
 */
export class RollingCounts {
  readonly #bucketMs: number
  readonly #now: () => number
  readonly #first = new Float64Array(buckets)
  readonly #second = new Float64Array(buckets)
  #tick: number

  /** @param now Milliseconds on a monotonic clock. */
  constructor(windowMs: number, now: () => number) {
    this.#bucketMs = windowMs / buckets
    this.#now = now
    this.#tick = this.#currentTick()
  }

  addFirst(): void {
    this.#rotate()
    const at = this.#tick % buckets
    this.#first[at] = (this.#first[at] as number) + 1
  }

  addSecond(): void {
    this.#rotate()
    const at = this.#tick % buckets
    this.#second[at] = (this.#second[at] as number) + 1
  }

  get first(): number {
    this.#rotate()
    return sum(this.#first)
  }

  get second(): number {
    this.#rotate()
    return sum(this.#second)
  }

  #currentTick(): number {
    return Math.floor(this.#now() / this.#bucketMs)
  }

  #rotate(): void {
    const tick = this.#currentTick()
    // After a whole window of silence every bucket is stale; clearing ten of them is enough.
    for (let stale = Math.max(this.#tick + 1, tick - buckets + 1); stale <= tick; stale += 1) {
      this.#first[stale % buckets] = 0
      this.#second[stale % buckets] = 0
    }
    if (tick > this.#tick) this.#tick = tick
  }
}

function sum(counts: Float64Array): number {
  let total = 0
  for (let i = 0; i < buckets; i += 1) total += counts[i] as number
  return total
}
