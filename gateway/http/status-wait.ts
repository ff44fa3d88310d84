import type { Exchange } from './exchange.ts'

/** Holds requests until something has ended that only its store knows of. */
export interface StatusWait {
  /** Asks again and again until there is an answer, `ms` have passed, the client has gone or the gateway drains. */
  until<Value>(exchange: Exchange, ms: number, look: () => Promise<Value | undefined>): Promise<Value | undefined>
}

/** Between two looks: short at first, because most work that is waited for ends soon. */
const firstMs = 50
const longestMs = 1000

export function statusWait(now: () => number): StatusWait {
  return {
    until: async (exchange, ms, look) => {
      const endAtMs = now() + ms
      for (let pauseMs = firstMs; ; pauseMs = Math.min(longestMs, pauseMs * 2)) {
        const found = await look()
        const leftMs = endAtMs - now()
        if (found !== undefined || leftMs <= 0 || exchange.lifecycle.draining || exchange.res.destroyed) return found
        await pause(exchange, Math.min(pauseMs, leftMs))
      }
    },
  }
}

/** Ends early when the client leaves. */
const pause = ({ res }: Exchange, ms: number): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      res.off('close', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    res.once('close', end)
  })
