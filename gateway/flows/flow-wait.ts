import type { RecordStore } from '../state/record-store.ts'
import { decoded, flowKind, hasEnded, statusOf } from './flow-record.ts'
import type { Flows, FlowStatus } from './flows.ts'
import type { FlowWorkers } from './flow-workers.ts'

export interface FlowWaitDeps {
  readonly store: RecordStore
  readonly workers: Pick<FlowWorkers, 'has' | 'onRelease'>
}

/** How often a flow is looked at that another process may work on, or nobody. */
const lookMs = 500
/** And one of this process, whose release is heard of. */
const longLookMs = 5000
const longestMs = 2 ** 31 - 1

/** Waits for the ends of flows: those of this process are told at once, others are looked at. */
export function flowWait({ store, workers }: FlowWaitDeps): Flows['wait'] {
  /** By flow: how many may wait is bounded by the requests in flight. */
  const waiting = new Map<string, Set<() => void>>()
  workers.onRelease((id) => {
    for (const wake of waiting.get(id) ?? []) wake()
  })

  const now = async (id: string): Promise<FlowStatus | undefined> => {
    const stored = await store.get(flowKind, id)
    return stored === undefined ? undefined : statusOf(decoded(stored.value))
  }

  /** Hears of the release of a flow from now on. */
  const ear = (id: string) => {
    const wakers = waiting.get(id) ?? new Set()
    waiting.set(id, wakers)
    let released = false
    let onRelease = (): void => undefined
    const wake = (): void => {
      released = true
      onRelease()
    }
    wakers.add(wake)
    return {
      heard: (ms: number, signal: AbortSignal): Promise<void> =>
        new Promise((resolve) => {
          const done = (): void => {
            clearTimeout(timer)
            signal.removeEventListener('abort', done)
            resolve()
          }
          const timer = setTimeout(done, released ? 0 : ms)
          signal.addEventListener('abort', done, { once: true })
          onRelease = done
        }),
      close: (): void => {
        wakers.delete(wake)
        if (wakers.size === 0) waiting.delete(id)
      },
    }
  }

  return async (id, ms, signal) => {
    const untilMs = performance.now() + Math.min(ms, longestMs)
    for (;;) {
      // Before it is looked at: it may be released in between.
      const { heard, close } = ear(id)
      try {
        const status = await now(id)
        const leftMs = untilMs - performance.now()
        if (status === undefined || hasEnded(status.state) || leftMs <= 0 || signal.aborted) return status
        await heard(Math.min(leftMs, workers.has(id) ? longLookMs : lookMs), signal)
      } finally {
        close()
      }
    }
  }
}
