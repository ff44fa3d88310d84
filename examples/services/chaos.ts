/** How a service misbehaves, for demonstrations: as it should, too slow, always failing, failing every second call, cutting the connection. */
export type ChaosMode = (typeof modes)[number]

const modes = ['ok', 'slow', 'fail', 'half', 'reset'] as const

export type Verdict = 'answer' | 'fail' | 'reset'

export interface Chaos {
  readonly mode: ChaosMode
  /** Sets the mode and says so, or returns undefined when `name` is not a mode. */
  set(name: unknown): ChaosMode | undefined
  /** What to do with the next call; in mode `slow` only after the delay. */
  next(): Promise<Verdict>
}

export const modeNames: string = modes.join(', ')

/** @param slowMs Delay of every answer in mode `slow`; the default outlasts the timeout of both rules of the design document. */
export const chaos = (slowMs = 12_000): Chaos => {
  let mode: ChaosMode = 'ok'
  let calls = 0
  return {
    get mode() {
      return mode
    },
    set(name) {
      const found = modes.find((candidate) => candidate === name)
      if (found !== undefined) {
        mode = found
        calls = 0
      }
      return found
    },
    async next() {
      calls += 1
      if (mode === 'slow') await new Promise((resolve) => setTimeout(resolve, slowMs).unref())
      if (mode === 'reset') return 'reset'
      return mode === 'fail' || (mode === 'half' && calls % 2 === 1) ? 'fail' : 'answer'
    },
  }
}
