/** Bounds how much is under way at the same time. */
export interface Slots {
  readonly used: number
  /** Takes one, to be given back once; undefined when there is none. */
  take(): (() => void) | undefined
  /** Resolves when none is taken. */
  idle(): Promise<void>
}

export function slots(count: number): Slots {
  let used = 0
  let waiting: (() => void)[] = []
  return {
    get used() {
      return used
    },
    take: () => {
      if (used >= count) return undefined
      used += 1
      return () => {
        used -= 1
        if (used > 0) return
        for (const resolve of waiting) resolve()
        waiting = []
      }
    },
    idle: () => new Promise((resolve) => (used === 0 ? resolve() : waiting.push(resolve))),
  }
}
