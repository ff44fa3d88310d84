import { longestTimerMs } from '../services/timer.ts'

export interface LanesOptions<Item> {
  /** Items in work at the same time, at most. */
  readonly concurrency: number
  /** Items of one key are worked on one at a time, in the order in which they came. */
  keyOf(item: Item): string | undefined
  /** Never rejects. @returns Milliseconds after which the item is to be taken up again in its place; undefined when it is done with. */
  work(item: Item): Promise<number | undefined>
  /** The item is not here any more. */
  left?(item: Item): void
}

/**
 * Gives out work. An item that waits to be taken up again holds its place among those of its key, but no lane, so that other keys go on.
 */
export class Lanes<Item> {
  readonly #options: LanesOptions<Item>
  /** All, in the order in which they came. */
  readonly #items = new Set<Item>()
  readonly #running = new Set<Item>()
  readonly #ready = new Set<Item>()
  readonly #delayed = new Map<Item, NodeJS.Timeout>()
  /** By key, the one that is ready, running or delayed first. */
  readonly #chains = new Map<string, Item[]>()
  #paused = false
  #stopped = false
  #onIdle: (() => void)[] = []

  constructor(options: LanesOptions<Item>) {
    this.#options = options
  }

  get running(): ReadonlySet<Item> {
    return this.#running
  }

  get size(): number {
    return this.#items.size
  }

  add(item: Item): void {
    this.#items.add(item)
    const key = this.#options.keyOf(item)
    const chain = key === undefined ? undefined : this.#chains.get(key)
    if (chain !== undefined) chain.push(item)
    else {
      if (key !== undefined) this.#chains.set(key, [item])
      this.#ready.add(item)
      this.#next()
    }
  }

  /** Nothing begins until `resume`. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#next()
  }

  /** Nothing begins any more. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#delayed.values()) clearTimeout(timer)
    this.#delayed.clear()
  }

  /** Takes out what is not in work, oldest first. */
  takeIdle(): Item[] {
    const idle = [...this.#items].filter((item) => !this.#running.has(item))
    for (const item of idle) this.drop(item)
    return idle
  }

  /** Takes an item out, unless it is in work. */
  drop(item: Item): void {
    if (this.#running.has(item) || !this.#items.has(item)) return
    clearTimeout(this.#delayed.get(item))
    this.#delayed.delete(item)
    this.#ready.delete(item)
    this.#leave(item)
    // Not at once: when a connection is lost, the ones behind it are about to be taken out as well.
    queueMicrotask(() => this.#next())
  }

  /** Resolves when nothing is in work. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running.size === 0) resolve()
      else this.#onIdle.push(resolve)
    })
  }

  #next(): void {
    for (const item of this.#ready) {
      if (this.#paused || this.#stopped || this.#running.size >= this.#options.concurrency) return
      this.#ready.delete(item)
      this.#running.add(item)
      void this.#run(item)
    }
  }

  async #run(item: Item): Promise<void> {
    const againMs = await this.#options.work(item)
    this.#running.delete(item)
    if (againMs === undefined) this.#leave(item)
    else if (!this.#stopped) this.#delay(item, againMs)
    this.#next()
    if (this.#running.size > 0) return
    for (const idle of this.#onIdle.splice(0)) idle()
  }

  #delay(item: Item, ms: number): void {
    const timer = setTimeout(
      () => {
        this.#delayed.delete(item)
        this.#ready.add(item)
        this.#next()
      },
      Math.min(ms, longestTimerMs),
    )
    this.#delayed.set(item, timer)
  }

  #leave(item: Item): void {
    this.#items.delete(item)
    this.#options.left?.(item)
    const key = this.#options.keyOf(item)
    const chain = key === undefined ? undefined : this.#chains.get(key)
    if (key === undefined || chain === undefined) return
    const wasFirst = chain[0] === item
    chain.splice(chain.indexOf(item), 1)
    const [first] = chain
    if (first === undefined) this.#chains.delete(key)
    else if (wasFirst) this.#ready.add(first)
  }
}
