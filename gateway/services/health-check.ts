import type { HealthCheckConfig } from '../../config/model.ts'
import type { Address, ProbedHealth } from './address.ts'
import type { TlsOptions } from './pool.ts'
import { probe, type RunningProbe } from './probe.ts'
import { longestTimerMs } from './timer.ts'

export interface HealthCheckDeps {
  now(): number
  random(): number
  /** Called after `address.health` has changed. */
  onChange(address: Address, before: ProbedHealth): void
}

export interface HealthCheck {
  close(): void
}

/** First probes are spread over at most this long, so that a start does not hit all addresses in one instant. */
const longestStartDelayMs = 1_000

/** Probes one address again and again; a probe never overlaps the one before. */
export const healthCheck = (address: Address, config: HealthCheckConfig, tls: TlsOptions, deps: HealthCheckDeps): HealthCheck => {
  let closed = false
  let running: RunningProbe | undefined
  let timer: NodeJS.Timeout
  let inRow = 0

  const plan = (delayMs: number): void => {
    timer = setTimeout(() => void run(), Math.min(Math.max(delayMs, 0), longestTimerMs))
    timer.unref()
  }
  const record = (error: string | undefined): void => {
    const before = address.health
    const ok = error === undefined
    inRow = ok === (address.lastProbe?.ok ?? ok) ? inRow + 1 : 1
    address.lastProbe = { atMs: deps.now(), ok, ...(error === undefined ? {} : { error }) }
    if (inRow < (ok ? config.healthyAfter : config.unhealthyAfter)) return
    address.health = ok ? 'healthy' : 'unhealthy'
    if (address.health !== before) deps.onChange(address, before)
  }
  const ask = async (): Promise<string | undefined> => {
    const { path, timeoutMs } = config
    try {
      running = probe({ origin: address.origin, authority: address.authority, path, timeoutMs: Math.min(timeoutMs, longestTimerMs), tls })
      return await running.done
    } catch (error) {
      // A path that Node refuses to send throws at once; it must not end the probing.
      return String(error)
    } finally {
      running = undefined
    }
  }
  const run = async (): Promise<void> => {
    const startedAtMs = deps.now()
    const error = await ask()
    if (closed) return
    record(error)
    plan(Math.min(config.intervalMs, config.intervalMs - (deps.now() - startedAtMs)))
  }

  plan(deps.random() * Math.min(config.intervalMs, longestStartDelayMs))
  return {
    close: () => {
      closed = true
      clearTimeout(timer)
      running?.cancel()
    },
  }
}
