import type { BrokerLog, BrokerStatus } from '../broker.ts'
import { describeFailure, isRefusal, isSilence } from './library.ts'

/** Whether the cluster answers, told by whoever talks to it; while it does not, it is asked again and again. */
export interface Link {
  readonly state: BrokerStatus['state']
  readonly reconnects: number
  readonly lastError: string | undefined
  succeeded(): void
  /** What the cluster refuses leaves the state alone: it has answered. */
  failed(error: unknown): void
  /** Resolves with true as soon as the cluster answers, with false after `waitMs` or when it refuses the credentials. */
  wait(waitMs: number): Promise<boolean>
  close(): void
}

export interface LinkOptions {
  readonly log: BrokerLog
  readonly broker: string
  /** One short question to the cluster. */
  probe(): Promise<unknown>
  /** The cluster answers, for the first time or again. */
  onUp(): void
}

/** Pause between two questions to a cluster that does not answer. */
const probePauseMs = 500

export function link(options: LinkOptions): Link {
  const { log, broker } = options
  let state: BrokerStatus['state'] = 'connecting'
  let ups = 0
  let lastError: string | undefined
  let timer: NodeJS.Timeout | undefined
  let probing = false
  const waiting = new Set<() => void>()

  const probe = async (): Promise<void> => {
    if (probing || state !== 'connecting') return
    probing = true
    try {
      await options.probe()
      probing = false
      succeeded()
    } catch (error) {
      probing = false
      lastError = describeFailure(error)
      timer = setTimeout(() => void probe(), probePauseMs)
      if (isRefusal(error)) release()
    }
  }
  const release = (): void => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  const succeeded = (): void => {
    if (state !== 'connecting') return
    state = 'connected'
    ups += 1
    clearTimeout(timer)
    log.info({ broker, reconnects: ups - 1 }, 'broker connected')
    release()
    options.onUp()
  }
  timer = setTimeout(() => void probe(), 0)
  return {
    get state() {
      return state
    },
    get reconnects() {
      return Math.max(0, ups - 1)
    },
    get lastError() {
      return lastError
    },
    succeeded,
    failed(error) {
      lastError = describeFailure(error)
      if (state !== 'connected' || !isSilence(error)) return
      state = 'connecting'
      log.warn({ broker, error: lastError }, 'broker does not answer')
      timer = setTimeout(() => void probe(), probePauseMs)
    },
    async wait(waitMs) {
      if (state === 'connected') return true
      if (state === 'closed') return false
      return new Promise((resolve) => {
        const up = (): void => {
          clearTimeout(limit)
          resolve(state === 'connected')
        }
        const limit = setTimeout(() => {
          waiting.delete(up)
          resolve(false)
        }, waitMs)
        waiting.add(up)
      })
    },
    close() {
      state = 'closed'
      clearTimeout(timer)
      release()
    },
  }
}
