import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig, IntegrationConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Message } from '../messaging/message.ts'
import type { BreakerSample } from '../observe/metrics.ts'
import type { Adapter, WebhookRequest } from '../plugin.ts'
import type { RecordStore } from '../state/record-store.ts'
import { admission } from './admission.ts'
import { engine } from './engine.ts'
import type { EngineDeps } from './engine.ts'
import { isProviderFailure, storedFailure } from './failure.ts'
import { intentDesk } from './intent-desk.ts'
import type { IntentDesk } from './intent-desk.ts'
import { newIntent, providerOf, statusOf } from './intent.ts'
import { intentKind, intentLedger } from './intent-ledger.ts'
import type { Hold } from './intent-ledger.ts'
import { integration, within } from './integration.ts'
import type { Integration, IntegrationDeps, Operation } from './integration.ts'
import { otherInput } from './operation.ts'
import type { OperationRequest, OperationResult, Operations, StoredFailure } from './operation.ts'
import { reconciler } from './reconciler.ts'
import { webhookIntake } from './webhook-intake.ts'

export interface IntegrationsDeps extends IntegrationDeps, Omit<EngineDeps, 'find' | 'ledger' | 'queueTtlMs'> {
  /** Always the one in force. */
  readonly store: RecordStore
  /** The adapter of this type; loaded before `prepare`. */
  adapter(type: string): Adapter | undefined
  publishEvent(event: string, message: Message): Promise<void>
}

export interface IntegrationStatus {
  readonly name: string
  readonly plugin: string
  readonly capability: string
  readonly criticality: IntegrationConfig['criticality']
  readonly breaker: BreakerSample['state'] | undefined
  /** Attempts under way. */
  readonly inFlight: number
  readonly operations: readonly string[]
}

export interface PreparedIntegrations {
  /** From now on calls go by this configuration. */
  enter(): void
  /** After `enter`: gives up what is not in force any more, once its calls have ended. Never rejects. */
  retire(): Promise<void>
  /** Gives up what was made; what is in force is untouched. */
  abandon(): Promise<void>
}

/** The integrations of one process. */
export interface Integrations {
  readonly operations: Operations
  readonly intents: IntentDesk
  /** @throws Error An adapter is missing or cannot be created; the message says where it is declared. */
  prepare(config: Pick<GatewayConfig, 'integrations' | 'events' | 'queues' | 'shutdown'>): Promise<PreparedIntegrations>
  /** See `webhookIntake`. */
  webhook(name: string, request: WebhookRequest): Promise<number>
  /** Resolves with undefined when the provider can be used, and when its adapter cannot tell. */
  probe(name: string, withinMs: number): Promise<StoredFailure | undefined>
  status(): readonly IntegrationStatus[]
  breakers(): readonly BreakerSample[]
  /** The end is near: batches are sent as they are. */
  hurry(): void
  /** Begins nothing in the background any more, and waits for what runs, for `withinMs` at most. */
  drain(withinMs: number): Promise<void>
  close(): Promise<void>
}

const countEveryMs = 5000

export function integrations(deps: IntegrationsDeps): Integrations {
  const { store, epochNow } = deps
  let force: ReadonlyMap<string, Integration> = new Map()
  let events: ReadonlySet<string> = new Set()
  let queueTtls: ReadonlyMap<string, number> = new Map()
  const working = new Set<Promise<unknown>>()
  const ledger = intentLedger({ store, epochNow })
  const run = engine({ ...deps, ledger, find: (name) => force.get(name), queueTtlMs: (queue) => queueTtls.get(queue) ?? Infinity })
  const background = reconciler({ ledger, engine: run, log: deps.log, epochNow })
  const canFallBack = (name: string, operation: string): boolean => force.get(name)?.operations.has(operation) === true

  let counts: Readonly<Record<string, number>> = {}
  let counting: NodeJS.Timeout | undefined
  deps.metrics.intents(() => counts)
  const count = (): void => {
    store.counts(intentKind).then(
      (now) => void (counts = now),
      () => undefined,
    )
  }

  const named = (name: string, operation: string): Operation => {
    const found = force.get(name)?.operations.get(operation)
    if (found === undefined) throw new GatewayError('INTERNAL', { detail: `There is no operation ${name}.${operation}.` })
    return found
  }

  const execute = async (request: OperationRequest): Promise<OperationResult> => {
    const operation = named(request.integration, request.operation)
    const { input, key, scope, from } = request
    const checked = operation.input(input)
    if ('problem' in checked)
      throw new GatewayError('OPERATION_INPUT_INVALID', { detail: `The input does not fit the operation: ${checked.problem}.` })
    const isSecret = from === 'door' && operation.isEphemeral
    if (key === undefined && !isSecret && operation.config.idempotency === 'required') throw new GatewayError('IDEMPOTENCY_KEY_MISSING')
    const drive = { driver: from, deadlineAtMs: request.deadlineAtMs, signal: request.signal, trace: request.trace }
    const ttlMs = request.ttlMs ?? operation.integration.idempotencyTtlMs
    const fresh = newIntent({ integration: request.integration, operation: request.operation, scope, key, input, ttlMs, nowMs: epochNow() })
    const intent = { ...fresh, provider: providerOf(operation.integration) }
    if (isSecret || (key === undefined && operation.isQuestion)) return run(ledger.loose(intent, !isSecret), drive)
    for (;;) {
      const hold = await ledger.create(intent)
      if (hold !== undefined) return run(hold, drive)
      const found = await ledger.find(intent.id)
      // It expired in between, or somebody took it: look again.
      if (found === undefined) continue
      if (found.intent.digest !== intent.digest) throw new GatewayError('IDEMPOTENCY_CONFLICT', { detail: otherInput })
      const admitted = admission(found, from, epochNow(), input)
      if (admitted.type === 'answer') return admitted.result
      const taken: Hold | undefined = await ledger.take(found, admitted.change)
      if (taken !== undefined) return run(taken, drive)
    }
  }

  const resume = async (id: string, from: 'delivery'): Promise<OperationResult | undefined> => {
    for (;;) {
      const found = await ledger.find(id)
      if (found === undefined) return undefined
      const admitted = admission(found, from, epochNow())
      if (admitted.type === 'answer') return admitted.result
      const taken = await ledger.take(found, admitted.change)
      if (taken !== undefined) return run(taken, { driver: from, deadlineAtMs: Infinity })
    }
  }

  /** Remembered until it ends, so that `drain` can wait for it. */
  const tracked = <T>(work: Promise<T>): Promise<T> => {
    working.add(work)
    void work.catch(() => undefined).finally(() => working.delete(work))
    return work
  }

  const prepare: Integrations['prepare'] = async (config) => {
    const next = new Map<string, Integration>()
    const made: Integration[] = []
    try {
      for (const one of config.integrations) {
        const adapter = deps.adapter(one.plugin)
        if (adapter === undefined) throw new Error(`${one.origin}: there is no adapter ${one.plugin}`)
        const known = force.get(one.name)
        if (known !== undefined && known.adapter === adapter && isDeepStrictEqual(known.config, one)) {
          next.set(one.name, known)
          continue
        }
        const fresh = await integration(one, adapter, canFallBack, deps)
        made.push(fresh)
        next.set(one.name, fresh)
      }
    } catch (error) {
      await Promise.all(made.map((one) => one.close(0)))
      throw error
    }
    let left: readonly Integration[] = []
    return {
      enter: () => {
        left = [...force.values()].filter((old) => next.get(old.config.name) !== old)
        force = next
        events = new Set(config.events.map(({ name }) => name))
        queueTtls = new Map(config.queues.map(({ name, ttlMs }) => [name, ttlMs]))
        deps.metrics.retain(next)
        if (next.size === 0) return
        background.start()
        counting ??= setInterval(count, countEveryMs).unref()
      },
      retire: async () => {
        await Promise.all(left.map((old) => old.close(config.shutdown.drainTimeoutMs)))
      },
      abandon: async () => {
        await Promise.all(made.map((one) => one.close(0)))
      },
    }
  }

  return {
    operations: {
      execute: (request) => tracked(execute(request)),
      resume: (id, from) => tracked(resume(id, from)),
      status: async (id) => {
        const found = await ledger.find(id)
        return found === undefined ? undefined : statusOf(found.intent, found.state)
      },
    },
    intents: intentDesk(store, ledger, epochNow),
    prepare,
    webhook: async (name, request) => {
      const from = force.get(name)
      if (from === undefined) throw new GatewayError('WEBHOOK_REJECTED', { detail: `there is no integration ${name}` })
      return tracked(webhookIntake(from, request, { ...deps, isDeclared: (event) => events.has(event) }))
    },
    probe: async (name, withinMs) => {
      const one = force.get(name)
      if (one?.instance.probe === undefined) return undefined
      try {
        await within(withinMs, one.instance.probe({ signal: AbortSignal.timeout(withinMs) }))
        return undefined
      } catch (error) {
        if (isProviderFailure(error)) return storedFailure(error)
        return { kind: 'internal', executed: 'no', message: error instanceof Error ? error.message : 'the adapter failed' }
      }
    },
    status: () =>
      Array.from(force.values(), ({ config, breaker, inFlight, operations }) => ({
        name: config.name,
        plugin: config.plugin,
        capability: config.capability,
        criticality: config.criticality,
        breaker: breaker?.state,
        inFlight,
        operations: [...operations.keys()],
      })),
    breakers: () =>
      [...force.values()].flatMap(({ config, breaker }) => (breaker === undefined ? [] : [{ service: config.name, state: breaker.state }])),
    hurry: () => {
      for (const one of force.values()) one.hurry()
    },
    drain: async (withinMs) => {
      clearInterval(counting)
      await within(withinMs, Promise.allSettled([background.stop(), ...working])).catch(() => undefined)
    },
    close: async () => {
      clearInterval(counting)
      void background.stop()
      await Promise.all([...force.values()].map((one) => one.close(0)))
    },
  }
}
