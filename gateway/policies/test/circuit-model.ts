import type { CircuitBreakerPolicy, CircuitState } from '../circuit-breaker.ts'

/** `bad`: a result that is a failure; `failed`: an error that counts; `neutral`: an error that is nobody's fault. */
export type Outcome = 'ok' | 'bad' | 'failed' | 'neutral'

/** Calls that a test ends when, and as, it wants. */
export class RunningCalls {
  readonly #endings: (((outcome: Outcome) => void) | undefined)[] = []
  readonly #settled: Promise<unknown>[] = []

  get count(): number {
    return this.#endings.length
  }

  begin(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#endings.push((outcome) => (outcome === 'ok' || outcome === 'bad' ? resolve(outcome) : reject(new Error(outcome))))
    })
  }

  /** Remembers the promise of the last call that began; `settled` is its result or error. */
  track(promise: Promise<string>): { readonly settled: Promise<unknown> } {
    const settled = promise.catch((error: unknown) => error)
    if (this.#settled.length < this.#endings.length) this.#settled.push(settled)
    return { settled }
  }

  end(index: number, outcome: Outcome): void {
    this.#endings[index]?.(outcome)
    this.#endings[index] = undefined
  }

  /** Ends one of the calls that still run. @returns Which one; undefined when none runs. */
  endAny(which: number, outcome: Outcome): number | undefined {
    const running = [...this.#endings.keys()].filter((index) => this.#endings[index] !== undefined)
    const index = running[which % Math.max(1, running.length)]
    if (index !== undefined) this.end(index, outcome)
    return index
  }

  async settledOf(indexes: readonly number[]): Promise<void> {
    for (const index of indexes) await this.#settled[index]
  }

  async allSettled(): Promise<void> {
    await Promise.all(this.#settled)
  }
}

export interface CircuitModel {
  readonly state: CircuitState
  now(ms: number): void
  /** @returns Whether the call is let through. */
  begin(call: number): boolean
  end(call: number, outcome: Outcome): void
}

/** What the breaker promises, written down as plainly as possible. */
export function circuitModel(policy: CircuitBreakerPolicy): CircuitModel {
  const bucketMs = policy.windowMs / 10
  let state: CircuitState = 'closed'
  let nowMs = 0
  let openedAtMs = 0
  let life = 0
  let trial: number | undefined
  let ended: { readonly bucket: number; readonly failed: boolean }[] = []
  const lifeOf = new Map<number, number>()

  const open = (): void => {
    state = 'open'
    openedAtMs = nowMs
  }
  const begunAnew = (): void => {
    state = 'half_open'
    life += 1
    trial = undefined
    ended = []
  }
  const judge = (): void => {
    const bucket = Math.floor(nowMs / bucketMs)
    const recent = ended.filter((one) => one.bucket > bucket - 10)
    const failed = recent.filter((one) => one.failed).length
    if (recent.length >= policy.volume && failed * 100 >= policy.thresholdPercent * recent.length) open()
  }

  return {
    get state() {
      return state
    },
    now: (ms) => {
      nowMs = ms
      if (state === 'open' && nowMs >= openedAtMs + policy.resetTimeoutMs) begunAnew()
    },
    begin: (call) => {
      if (state === 'open' || (state === 'half_open' && trial !== undefined)) return false
      if (state === 'half_open') trial = call
      lifeOf.set(call, life)
      return true
    },
    end: (call, outcome) => {
      if (lifeOf.get(call) !== life) return
      if (outcome === 'neutral') {
        if (state === 'half_open') begunAnew()
        return
      }
      const failed = outcome !== 'ok'
      ended.push({ bucket: Math.floor(nowMs / bucketMs), failed })
      if (state === 'half_open') {
        if (failed) open()
        else state = 'closed'
      } else if (state === 'closed' && failed) judge()
    },
  }
}
