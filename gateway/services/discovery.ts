import type { DnsConfig } from '../../config/model.ts'
import { type Endpoint, endpointResolver } from './resolver.ts'
import type { DnsStatus, ServiceDeps } from './service.ts'
import { longestTimerMs } from './timer.ts'

export interface Discovery {
  /** Resolves when the first look-up has ended, well or badly, and after one second at the latest. */
  readonly ready: Promise<void>
  status(): DnsStatus
  close(): void
}

const readyWaitMs = 1_000
const firstRetryMs = 250
const longestRetryMs = 10_000

/**
 * Looks a name up again and again. Until the first answer it is retried with growing delays; from then on every `refreshMs`,
 * and a look-up that fails changes nothing.
 */
export const discovery = (service: string, config: DnsConfig, deps: ServiceDeps, onAnswer: (endpoints: readonly Endpoint[]) => void): Discovery => {
  const resolver = endpointResolver(config)
  const fields = { service, dns: config.name }
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let retryMs = firstRetryMs
  let lastOkAtMs: number | undefined
  let lastError: string | undefined
  let settleReady = (): void => undefined
  const ready = new Promise<void>((resolve) => {
    settleReady = resolve
  })
  const readyTimer = setTimeout(() => settleReady(), readyWaitMs)
  readyTimer.unref()

  const succeeded = (endpoints: readonly Endpoint[]): void => {
    if (lastError !== undefined) deps.log.info(fields, 'the DNS name is resolved again')
    lastError = undefined
    lastOkAtMs = deps.now()
    onAnswer(endpoints)
  }
  const failed = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error)
    if (lastError === undefined) {
      deps.log.warn(
        { ...fields, error: message },
        lastOkAtMs === undefined ? 'the DNS name cannot be resolved' : 'the DNS look-up failed; the last good answer stays in use',
      )
    }
    lastError = message
  }
  const nextDelayMs = (): number => {
    if (lastOkAtMs !== undefined) return Math.min(config.refreshMs, longestTimerMs)
    const delayMs = Math.min(retryMs, config.refreshMs)
    retryMs = Math.min(retryMs * 2, longestRetryMs)
    return delayMs
  }
  const run = async (): Promise<void> => {
    try {
      const endpoints = await resolver.resolve()
      if (!closed) succeeded(endpoints)
    } catch (error) {
      if (!closed) failed(error)
    }
    settleReady()
    clearTimeout(readyTimer)
    if (closed) return
    timer = setTimeout(() => void run(), nextDelayMs())
    timer.unref()
  }

  void run()
  return {
    ready,
    status: () => ({
      name: config.name,
      ...(lastOkAtMs === undefined ? {} : { lastOkAtMs }),
      ...(lastError === undefined ? {} : { lastError }),
    }),
    close: () => {
      closed = true
      clearTimeout(timer)
      clearTimeout(readyTimer)
      settleReady()
      resolver.cancel()
    },
  }
}
