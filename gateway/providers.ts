import type { GatewayConfig, IntegrationConfig, JsonValue } from '../config/model.ts'
import { compileTemplate } from '../config/templates/template.ts'
import { alerts } from './alerts/alert-channels.ts'
import { flows } from './flows/flow-engine.ts'
import type { Flows } from './flows/flows.ts'
import { definitionOf } from './integrations/integration.ts'
import { adapterContext } from './integrations/adapter-context.ts'
import { integrations } from './integrations/integrations.ts'
import type { IntegrationStatus } from './integrations/integrations.ts'
import type { Operations } from './integrations/operation.ts'
import { sharedLimits } from './limits/shared-limits.ts'
import type { Logger } from 'pino'
import type { Publisher } from './messaging/publisher.ts'
import type { Message } from './messaging/message.ts'
import type { BreakerSample, Metrics } from './observe/metrics.ts'
import { idSource } from './observe/trace-ids.ts'
import type { Adapter, WebhookRequest } from './plugin.ts'
import { secretStore } from './secrets/secret-store.ts'
import type { SecretStatus } from './secrets/secret-store.ts'
import type { Service } from './services/service.ts'
import { sealedOperations, sealedFlows } from './sealed-providers.ts'
import { sealedIds } from './state/sealed-ids.ts'
import { sharedState } from './state/shared-state.ts'

/** The adapters of a configuration, by type. @throws Error where one cannot be used. */
export type AdaptersOf = (config: GatewayConfig) => Promise<ReadonlyMap<string, Adapter>>

export interface ProvidersDeps {
  readonly log: Logger
  readonly metrics: Metrics
  readonly adaptersOf: AdaptersOf
  /** Of the process; secrets may stand in it. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** What was put into queues by failure modes and alerts goes through it; always the one in force. */
  readonly publisher: Publisher
  /** Publishes what a webhook tells of, as an event that is declared. */
  publishEvent(event: string, message: Message): Promise<void>
  /** Milliseconds on a monotonic clock. */
  now(): number
  epochNow(): number
  random(): number
}

/** Integrations and flows of one process, and what they need: secrets, state, alerts. What is handed out always means the configuration in force. */
export interface Providers {
  readonly operations: Operations
  readonly flows: Flows
  /** What rules call: ids are sealed. */
  readonly door: { readonly operations: Pick<Operations, 'execute' | 'status'>; readonly flows: Pick<Flows, 'start' | 'get' | 'wait'> }
  /** @returns How many events of the webhook were new. @throws {GatewayError} WEBHOOK_REJECTED, BROKER_UNAVAILABLE, STATE_UNAVAILABLE */
  webhook(integration: string, request: WebhookRequest): Promise<number>
  /** Fills references to secrets in. @throws {GatewayError} SECRET_UNAVAILABLE */
  reveal(text: string): string
  /** @throws {GatewayError} SECRET_UNAVAILABLE, STATE_UNAVAILABLE; Error of an adapter that cannot be created */
  prepare(config: GatewayConfig, services: ReadonlyMap<string, Service>): Promise<PreparedProviders>
  status(): ProvidersStatus
  breakers(): readonly BreakerSample[]
  /** Flows begin no step any more; once `callers` have ended, whose calls they are, operations under way are waited for too. */
  drain(timeoutMs: number, callers: Promise<unknown>): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

export interface ProvidersStatus {
  readonly integrations: readonly IntegrationStatus[]
  readonly secrets: readonly SecretStatus[]
}

export interface PreparedProviders {
  enter(): void
  /** After `enter`: gives up what is not used any more, once its calls have ended. Never rejects. */
  retire(): Promise<void>
  abandon(): Promise<void>
}

/** An integration in force, for what is asked about it beside calls. */
interface Known {
  readonly config: IntegrationConfig
  readonly adapter: Adapter
}

export function providers(deps: ProvidersDeps): Providers {
  const { log, metrics, publisher, now, epochNow, random } = deps
  /** Those of the configuration that is being prepared, or in force. */
  let adapters: ReadonlyMap<string, Adapter> = new Map()
  let known: ReadonlyMap<string, Known> = new Map()
  const secrets = secretStore({ env: deps.env, log, now: epochNow })
  const reveal = (text: string): string => secrets.reveal(text)
  const state = sharedState({ log, now: epochNow, reveal })
  const limiter = sharedLimits({ log, now: epochNow, reveal })
  const common = { store: state, log, metrics, now, epochNow, random }

  const channels = alerts({
    ...common,
    publisher,
    secrets,
    // Alerts go out through operations, and operations raise alerts.
    operations: { execute: (request) => all.operations.execute(request) },
  })

  const all = integrations({
    ...common,
    metrics: metrics.integrations,
    limiter,
    publisher,
    alerts: channels,
    adapter: (type) => adapters.get(type),
    makeContext: (config, adapter) => adapterContext(config, { adapter, secrets, log, now: epochNow }),
    publishEvent: deps.publishEvent,
    onBreakerChange: (integration, circuit) =>
      log.warn({ integration, state: circuit }, `circuit breaker of ${integration} is ${circuit.replace('_', '-')}`),
  })

  const work = flows({ ...common, operations: all.operations, alerts: channels, ids: idSource(), undoInput })

  function undoInput(name: string, operation: string, undo: string, done: { readonly input: JsonValue; readonly output: JsonValue }): JsonValue {
    const one = known.get(name)
    const config = one?.config.operations.find((candidate) => candidate.name === operation)
    const make = one === undefined || config === undefined ? undefined : definitionOf(one.adapter, config, compileTemplate)?.undo?.[undo]
    if (make === undefined) throw new Error(`${name}.${operation} has no compensation ${undo}`)
    return make(done)
  }

  const prepare: Providers['prepare'] = async (config, services) => {
    const preparedSecrets = await secrets.prepare(config)
    const before = adapters
    try {
      adapters = await deps.adaptersOf(config)
      const preparedState = await state.prepare(config)
      const preparedLimits = await limiter.prepare(config)
      const next = new Map(config.integrations.map((one) => [one.name, { config: one, adapter: adapters.get(one.plugin) as Adapter }]))
      const preparedAlerts = channels.prepare(config)
      const preparedFlows = work.prepare(config, services)
      const prepared = await all.prepare(config)
      return {
        enter: () => {
          preparedSecrets.enter()
          preparedState.enter()
          preparedLimits.enter()
          known = next
          prepared.enter()
          preparedAlerts.enter()
          preparedFlows.enter()
        },
        retire: prepared.retire,
        abandon: async () => {
          adapters = before
          preparedSecrets.abandon()
          await prepared.abandon()
        },
      }
    } catch (error) {
      adapters = before
      preparedSecrets.abandon()
      throw error
    }
  }

  const ids = sealedIds(state, epochNow)

  let closed: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await work.close()
    await all.close()
    await channels.close()
    limiter.close()
    secrets.close()
    await state.close()
  }

  return {
    operations: all.operations,
    flows: work,
    door: { operations: sealedOperations(all.operations, ids), flows: sealedFlows(work, ids) },
    webhook: all.webhook,
    reveal,
    prepare,
    status: () => ({ integrations: all.status(), secrets: secrets.status() }),
    breakers: all.breakers,
    drain: async (timeoutMs, callers) => {
      const endsAtMs = now() + timeoutMs
      // Callers would wait for others who do not come any more.
      all.hurry()
      await Promise.all([work.drain(timeoutMs), callers])
      await all.drain(Math.max(0, endsAtMs - now()))
      await channels.drain(Math.max(1000, endsAtMs - now()))
    },
    close: () => (closed ??= close()),
  }
}
