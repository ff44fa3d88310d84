import type { Job, JobStore } from '../messaging/jobs/job-store.ts'
import type { Exchange } from './exchange.ts'

/** How soon waiting clients are answered once the gateway drains. */
const lookIntervalMs = 100

/** Holds requests until a job has ended. */
export interface JobWait {
  /** The job when it has ended, after `ms`, or at once when the gateway drains or the client has gone. */
  until(exchange: Exchange, id: string, ms: number): Promise<Job | undefined>
}

/** One timer looks for all that wait, and only while somebody does. */
export function jobWait(jobs: JobStore): JobWait {
  const waiting = new Map<Exchange, AbortController>()
  let timer: NodeJS.Timeout | undefined

  const look = (): void => {
    for (const [exchange, controller] of waiting) if (exchange.lifecycle.draining) controller.abort()
  }

  return {
    until: async (exchange, id, ms) => {
      if (ms === 0 || exchange.lifecycle.draining || exchange.res.destroyed) return jobs.get(id)
      const controller = new AbortController()
      const gone = (): void => controller.abort()
      exchange.res.once('close', gone)
      waiting.set(exchange, controller)
      timer ??= setInterval(look, lookIntervalMs).unref()
      try {
        return await jobs.wait(id, ms, controller.signal)
      } finally {
        exchange.res.off('close', gone)
        waiting.delete(exchange)
        if (waiting.size === 0) {
          clearInterval(timer)
          timer = undefined
        }
      }
    },
  }
}
