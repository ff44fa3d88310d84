import type { ChildProcess } from 'node:child_process'
import type { GatewayConfig } from '../../config/model.ts'
import type { BoundListener, DrainResult, Fleet, MetricSnapshot } from '../fleet.ts'
import { member } from './member.ts'
import type { Member } from './member.ts'
import { addRetired, metricsText } from './metric-sums.ts'
import { pinPorts } from './ports.ts'
import { mergedConsumers, mergedStatus } from './status.ts'
import type { WorkerStatus } from './status.ts'

/** A worker that stays up this long has proved itself: its next failure is a first one. */
const provenAfterMs = 30_000
const firstRestartMs = 100
const slowestRestartMs = 10_000
/** A worker that is too busy to answer a scrape must not hold up the others. */
const answerTimeoutMs = 2000
/** Building a generation reads no files and waits for no upstream. */
const applyTimeoutMs = 30_000
/** On top of what the drain itself may take. */
const drainMarginMs = 5000

interface SupervisorLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SupervisorDeps {
  readonly workers: number
  /** Starts one worker process with an IPC channel of the `advanced` serialisation. */
  readonly fork: (index: number, workers: number) => ChildProcess
  readonly log: SupervisorLog
  /** Metrics of the supervisor itself, such as those of reloads. */
  readonly ownMetrics: () => Promise<readonly MetricSnapshot[]>
  /** Milliseconds on the monotonic clock. */
  readonly monotonicMs: () => number
}

/**
 * A fleet of worker processes. All get the same configuration or none does; one that ends is replaced,
 * with a growing wait between tries, and gets the configuration in force.
 */
export const supervisor = (deps: SupervisorDeps): Fleet => {
  const { log } = deps
  const members: (Member | undefined)[] = Array.from({ length: deps.workers }, () => undefined)
  const failures: number[] = members.map(() => 0)
  const timers = new Set<NodeJS.Timeout>()
  let active: GatewayConfig | undefined
  let listeners: readonly BoundListener[] = []
  let retired: readonly MetricSnapshot[] = []
  /** What an operator said of consumers; a new worker is told too. */
  const paused = new Map<string, boolean>()
  let stopping = false
  let restarts = 0
  let turn: Promise<unknown> = Promise.resolve()

  /** Swaps and replacements take turns, so that a new worker never misses the configuration of a swap that is under way. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work)
    turn = result.catch(() => undefined)
    return result
  }

  const alive = (): Member[] => members.filter((one): one is Member => one?.alive === true)

  const hire = (index: number): Member => {
    const hired = member(deps.fork(index, deps.workers), index, deps.monotonicMs())
    members[index] = hired
    void hired.ended.then((how) => onEnd(hired, how))
    return hired
  }

  const onEnd = async (ended: Member, how: string): Promise<void> => {
    if (members[ended.index] === ended) members[ended.index] = undefined
    // Also while stopping: the last scrape may come late.
    const last = ended.lastMetrics
    if (last.length > 0) await inTurn(async () => void (retired = await addRetired(retired, last)))
    if (stopping || active === undefined) return
    log.error({ worker: ended.index, pid: ended.pid }, `worker ${ended.index} ended unexpectedly (${how}); starting another`)
    if (deps.monotonicMs() - ended.startedAtMs > provenAfterMs) failures[ended.index] = 0
    replaceLater(ended.index)
  }

  const replaceLater = (index: number): void => {
    const failed = failures[index] ?? 0
    failures[index] = failed + 1
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        void inTurn(() => replace(index))
      },
      Math.min(slowestRestartMs, firstRestartMs * 2 ** failed),
    )
    timers.add(timer)
  }

  const replace = async (index: number): Promise<void> => {
    if (stopping || active === undefined || members[index] !== undefined) return
    const hired = hire(index)
    try {
      // First, so that a consumer that is paused takes nothing at its start.
      for (const [consumer, value] of paused) await hired.ask('pause', { consumer, paused: value }, applyTimeoutMs)
      await hired.ask('apply', active, applyTimeoutMs)
      restarts += 1
      log.info({ worker: index, pid: hired.pid }, `worker ${index} serves again`)
    } catch (error) {
      log.error({ worker: index, pid: hired.pid, err: error }, `worker ${index} could not take the configuration`)
      hired.kill()
    }
  }

  const start = async (config: GatewayConfig): Promise<readonly BoundListener[]> => {
    const hired = members.map((_, index) => hire(index))
    return applyToAll(hired, config)
  }

  /** Puts back `active` where the new configuration was taken, when any worker refused it. */
  const applyToAll = async (all: readonly Member[], config: GatewayConfig): Promise<readonly BoundListener[]> => {
    const results = await Promise.allSettled(all.map((one) => one.ask('apply', config, applyTimeoutMs)))
    const refused = results.find((result) => result.status === 'rejected')
    if (refused === undefined) return results.find((result) => result.status === 'fulfilled')?.value ?? listeners
    const previous = active
    if (previous !== undefined) {
      const changed = all.filter((_, index) => results[index]?.status === 'fulfilled')
      await Promise.allSettled(changed.map((one) => one.ask('apply', previous, applyTimeoutMs)))
    }
    throw refused.reason
  }

  const apply = async (config: GatewayConfig): Promise<void> => {
    const pinned = await pinPorts(config, active, listeners)
    const first = active === undefined
    if (first) {
      try {
        listeners = await start(pinned)
      } catch (error) {
        await stop()
        throw error
      }
    } else {
      listeners = await applyToAll(alive(), pinned)
    }
    active = pinned
    for (const name of paused.keys()) if (!pinned.consumers.some((consumer) => consumer.name === name)) paused.delete(name)
    // A worker may have ended between its answer and this line.
    if (first) for (const [index, one] of members.entries()) if (one === undefined) replaceLater(index)
  }

  const snapshots = (): Promise<readonly (readonly MetricSnapshot[])[]> =>
    Promise.all(
      alive().map(async (one) => {
        try {
          one.lastMetrics = await one.ask('metrics', undefined, answerTimeoutMs)
        } catch (error) {
          log.warn({ worker: one.index, err: error }, `worker ${one.index} gave no metrics; its last ones stand in`)
        }
        return one.lastMetrics
      }),
    )

  const statuses = (): Promise<readonly WorkerStatus[]> =>
    Promise.all(
      alive().map(async (one) => {
        const status = await one.ask('status', undefined, answerTimeoutMs).catch(() => undefined)
        return { worker: one.index, pid: one.pid, status }
      }),
    )

  const stop = async (): Promise<void> => {
    stopping = true
    for (const timer of timers) clearTimeout(timer)
    timers.clear()
    await Promise.all(
      alive().map(async (one) => {
        await one.ask('close', undefined, answerTimeoutMs).catch(() => undefined)
        one.kill()
        await one.ended
      }),
    )
  }

  return {
    apply: (config) => inTurn(() => apply(config)),
    get listeners() {
      return listeners
    },
    unready: () => (alive().length === 0 ? 'no worker is running' : undefined),
    status: async () => mergedStatus(await statuses(), { wanted: deps.workers, restarts }),
    consumers: async () => mergedConsumers(await statuses()),
    async metrics() {
      const current = await snapshots()
      return metricsText([await deps.ownMetrics(), retired, ...current])
    },
    pauseConsumer: (name, value) =>
      inTurn(async () => {
        if (active?.consumers.some((consumer) => consumer.name === name && consumer.deliverTo !== undefined) !== true) return false
        paused.set(name, value)
        // One that ends meanwhile is told when it is replaced.
        await Promise.allSettled(alive().map((one) => one.ask('pause', { consumer: name, paused: value }, answerTimeoutMs)))
        return true
      }),
    async drain(): Promise<DrainResult> {
      stopping = true
      const shutdown = active?.shutdown ?? { delayMs: 0, drainTimeoutMs: 0 }
      const longestMs = shutdown.delayMs + shutdown.drainTimeoutMs + drainMarginMs
      const results = await Promise.allSettled(alive().map((one) => one.ask('drain', undefined, longestMs)))
      return { drained: results.every((result) => result.status === 'fulfilled' && result.value.drained) }
    },
    close: stop,
  }
}
