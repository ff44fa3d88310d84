import type { Job, JobStore } from './job-store.ts'
import { endedStates } from './job-store.ts'

/** How often other processes' changes are looked for while somebody waits. */
const pollMs = 100

/** Beyond this many, nobody waits: who asks gets his answer at once. */
const maxWaiters = 10_000

export interface JobWaiters {
  /**
   * Resolves when the job has ended, after `ms`, or when `signal` aborts; undefined where too many wait already.
   * Register first and look at the job then, so that no end falls between the two.
   */
  add(id: string, ms: number, signal: AbortSignal): Promise<void> | undefined
  /** A job has ended in this process. */
  ended(id: string): void
  /** Nobody waits any longer. */
  close(): void
}

export interface JobWaitersDeps {
  /** Number that changes when another process has written to the store. */
  version(): Promise<number>
  /** Those of `ids` that have ended. */
  endedOf(ids: readonly string[]): Promise<readonly string[]>
}

/** Those who wait for jobs. Other processes cannot call here, so the store is asked, as long as and only while somebody waits. */
export function jobWaiters({ version, endedOf }: JobWaitersDeps): JobWaiters {
  const waiting = new Map<string, Set<() => void>>()
  let count = 0
  let seen: number | undefined
  let timer: NodeJS.Timeout | undefined

  const ended = (id: string): void => {
    for (const resolve of waiting.get(id) ?? []) resolve()
  }

  const look = async (): Promise<void> => {
    const now = await version()
    if (now === seen) return
    for (const id of await endedOf([...waiting.keys()])) ended(id)
    seen = now
  }

  const poll = async (): Promise<void> => {
    try {
      await look()
    } catch {
      // A store that is away is asked again; whoever waits has a time limit.
    }
    timer = count === 0 ? undefined : setTimeout(() => void poll(), pollMs)
  }

  const remove = (id: string, resolve: () => void): void => {
    const of = waiting.get(id)
    if (of?.delete(resolve) !== true) return
    count -= 1
    if (of.size === 0) waiting.delete(id)
  }

  return {
    add: (id, ms, signal) => {
      if (count >= maxWaiters) return undefined
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(limit)
          signal.removeEventListener('abort', done)
          remove(id, done)
          resolve()
        }
        const limit = setTimeout(done, ms)
        const of = waiting.get(id) ?? new Set()
        waiting.set(id, of.add(done))
        count += 1
        signal.addEventListener('abort', done, { once: true })
        if (signal.aborted) done()
        else timer ??= setTimeout(() => void poll(), pollMs)
      })
    },
    ended,
    close: () => {
      for (const id of waiting.keys()) ended(id)
      clearTimeout(timer)
    },
  }
}

/** `wait` of a store. @param get Looks at the job as it is. */
export const endOf =
  (waiters: JobWaiters, get: (id: string) => Promise<Job | undefined>): JobStore['wait'] =>
  async (id, ms, signal) => {
    const end = new AbortController()
    const waiting = waiters.add(id, ms, AbortSignal.any([signal, end.signal]))
    try {
      const job = await get(id)
      if (job === undefined || endedStates.has(job.state) || waiting === undefined) return job
      await waiting
      return await get(id)
    } finally {
      end.abort()
    }
  }
