import { setTimeout as sleep } from 'node:timers/promises'
import type { FlowConfig } from '../../config/model.ts'
import type { Alerts } from '../alerts/alert.ts'
import type { RecordStore } from '../state/record-store.ts'
import { compiledFlow } from './compiled-flow.ts'
import type { CompiledFlow } from './compiled-flow.ts'
import { dueFlows } from './due-flows.ts'
import type { FlowLog, Place } from './due-flows.ts'
import { flowAlert } from './flow-alert.ts'
import { flowKind, hasEnded } from './flow-record.ts'
import type { FlowRecord } from './flow-record.ts'
import { flowRun } from './flow-run.ts'
import type { RunDeps } from './flow-run.ts'
import { heldFlow } from './held-flow.ts'
import type { HeldFlow } from './held-flow.ts'

export interface FlowTimes {
  /** How long a process is trusted that says nothing. */
  readonly leaseMs: number
  readonly renewMs: number
  /** How often flows are looked for that are due. */
  readonly pollMs: number
}

const usualTimes: FlowTimes = { leaseMs: 10_000, renewMs: 3000, pollMs: 1000 }

export interface WorkersDeps extends Omit<RunDeps, 'closing' | 'draining'> {
  readonly store: RecordStore
  readonly alerts: Alerts
  readonly log: FlowLog
  readonly times?: Partial<FlowTimes>
}

/** Works on flows, as many at a time as this process has places for; the others wait in the store. */
export interface FlowWorkers {
  readonly leaseMs: number
  /** Looks for flows that are due from now on. */
  begin(): void
  /** Looks at once. */
  look(): void
  /** Undefined when all are taken, or no more is begun. */
  place(): Place | undefined
  /** The templates of a flow; kept by their hash. @throws {TemplateError} */
  compile(config: FlowConfig, hash: string): CompiledFlow
  /** Whether this process works on it. */
  has(id: string): boolean
  /** Told of each flow that this process lets go of. @returns Ends that. */
  onRelease(listener: (id: string) => void): () => void
  drain(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

const maxFlows = 200
const maxPlans = 200
const countEveryMs = 5000
/** Shorter waits of a flow do not wait for the next look. */
const maxTimers = 1000

export function flowWorkers(deps: WorkersDeps): FlowWorkers {
  const { store, log, epochNow } = deps
  const times = { ...usualTimes, ...deps.times }
  const closing = new AbortController()
  const running = new Map<string, HeldFlow>()
  const ended = new Set<Promise<void>>()
  const listeners = new Set<(id: string) => void>()
  const plans = new Map<string, CompiledFlow>()
  let places = maxFlows
  let draining = false
  let timers = 0
  let polling: NodeJS.Timeout | undefined
  let counting: NodeJS.Timeout | undefined
  let counts: Readonly<Record<string, number>> = {}
  let looking: Promise<void> | undefined

  const renewing = setInterval(() => {
    for (const held of running.values()) void held.renew()
  }, times.renewMs).unref()

  const compile = (config: FlowConfig, hash: string): CompiledFlow => {
    const known = plans.get(hash)
    if (known !== undefined) return known
    const plan = compiledFlow(config)
    // The oldest first; those in use are compiled again.
    for (const old of plans.keys()) if (plans.size >= maxPlans) plans.delete(old)
    plans.set(hash, plan)
    return plan
  }

  const place = (): Place | undefined => {
    if (places === 0 || draining) return undefined
    places -= 1
    let left = false
    const leave = (): void => {
      if (!left) places += 1
      left = true
    }
    return {
      leave,
      run: (record, version) => {
        const work = worked(record, version).finally(() => {
          running.delete(record.id)
          leave()
          ended.delete(work)
          for (const listener of listeners) listener(record.id)
        })
        ended.add(work)
      },
    }
  }

  const runDeps: RunDeps = { ...deps, closing: closing.signal, draining: () => draining }

  const worked = async (record: FlowRecord, version: number): Promise<void> => {
    const held = heldFlow(record, version, { store, ...times, closing: closing.signal, epochNow })
    running.set(record.id, held)
    try {
      const stored = await flowRun(held, compile(record.definition, record.definitionHash), runDeps)
      if (!stored) return
      if (hasEnded(record.state)) told(record)
      else soon(record)
    } catch (error) {
      // The lease passes, and it is tried again: an error that nobody foresaw must not end a flow half done.
      log.error({ err: error, flow: record.flow, id: record.id }, `flow ${record.flow} cannot go on`)
    }
  }

  const told = (record: FlowRecord): void => {
    deps.metrics.flows.ended(record.flow, record.state)
    const fields = { flow: record.flow, id: record.id, state: record.state }
    if (record.state === 'completed') log.debug(fields, `flow ${record.flow} is completed`)
    else log.warn(fields, `flow ${record.flow} has ended as ${record.state}`)
    const alert = flowAlert(record)
    if (alert !== undefined) deps.alerts.raise(record.definition.alert, alert)
  }

  /** A flow that waits for less than the next look but one is taken up in time. */
  const soon = ({ nextAtMs }: FlowRecord): void => {
    const waitMs = nextAtMs - epochNow()
    if (draining || waitMs > 2 * times.pollMs || timers >= maxTimers) return
    timers += 1
    setTimeout(
      () => {
        timers -= 1
        look()
      },
      Math.max(1, waitMs),
    ).unref()
  }

  const due = dueFlows({ ...deps, leaseMs: times.leaseMs, place, compile, has: (id) => running.has(id), draining: () => draining })

  const look = (): void => {
    if (draining || polling === undefined) return
    // What became due while it was looking is found by the next look.
    looking ??= due().finally(() => {
      looking = undefined
    })
  }

  deps.metrics.flows.states(() => counts)
  const count = (): void => {
    store.counts(flowKind).then(
      (now) => void (counts = now),
      () => undefined,
    )
  }

  const drain = async (timeoutMs: number): Promise<void> => {
    draining = true
    clearInterval(polling)
    clearInterval(counting)
    const limit = new AbortController()
    const all = (async () => {
      await looking
      await Promise.all(ended)
    })()
    await Promise.race([all, sleep(timeoutMs, undefined, { signal: limit.signal }).catch(() => undefined)])
    limit.abort()
  }

  return {
    leaseMs: times.leaseMs,
    begin: () => {
      if (polling !== undefined || draining) return
      polling = setInterval(look, times.pollMs).unref()
      counting = setInterval(count, countEveryMs).unref()
      look()
    },
    look,
    place,
    compile,
    has: (id) => running.has(id),
    onRelease: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    drain,
    close: async () => {
      await drain(0)
      closing.abort()
      clearInterval(renewing)
      await looking
      await Promise.all(ended)
    },
  }
}
