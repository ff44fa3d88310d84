import type { IntegrationConfig, OperationConfig, RateConfig } from '../model.ts'
import type { OperationDescription } from '../adapters.ts'
import type { Provider, Providers } from '../providers.ts'
import type { Tree } from '../source/tree.ts'
import { resolveBreaker } from './circuit-breaker.ts'
import { deliveringQueues, idempotencyOf, type ModeScene, resolveModes } from './failure-modes.ts'
import type { ValidInput, ValidIntegration, ValidOperation } from './input.ts'
import { readDurationMs, readRate } from './readers.ts'
import { resolveTls, type TlsTexts } from './tls.ts'

export interface IntegrationContents {
  readonly providers: Providers
  /** What every operation can raise. */
  readonly commonKinds: readonly string[]
  /** PEM texts by integration. */
  readonly integrationTls: ReadonlyMap<string, TlsTexts>
}

export const resolveIntegrations = (tree: Tree, input: ValidInput, contents: IntegrationContents): IntegrationConfig[] =>
  Object.entries(input.integrations ?? {}).map(([name, integration]) => {
    const provider = contents.providers.get(name)
    if (provider === undefined) throw new TypeError(`the integration ${name} was accepted without an adapter`)
    const { adapter } = provider
    const { circuit_breaker: breaker, rate_limit: rate, reconcile, retry } = integration
    return {
      name,
      origin: originOf(tree, ['integrations', name]),
      plugin: integration.plugin,
      capability: adapter.capability,
      criticality: integration.criticality,
      baseUrl: (integration.base_url ?? (adapter.baseUrl || '')).replace(/\/+$/, ''),
      auth: integration.auth ?? { type: 'none' },
      ...(integration.tls && { tls: resolveTls(integration.tls, contents.integrationTls.get(name) ?? {}) }),
      connectTimeoutMs: readDurationMs(integration.connect_timeout),
      timeoutMs: readDurationMs(integration.timeout),
      ...(rate !== undefined && { rateLimit: resolveRate(rate) }),
      maxConcurrent: integration.max_concurrent,
      retry: {
        maxAttempts: retry.max_attempts,
        backoff: retry.backoff,
        baseDelayMs: readDurationMs(retry.base_delay),
        maxDelayMs: readDurationMs(retry.max_delay),
      },
      ...(breaker && { circuitBreaker: resolveBreaker(breaker) }),
      idempotencyTtlMs: readDurationMs(integration.idempotency_ttl),
      reconcile: {
        baseDelayMs: readDurationMs(reconcile.base_delay),
        maxDelayMs: readDurationMs(reconcile.max_delay),
        giveUpAfterMs: readDurationMs(reconcile.give_up_after),
      },
      settings: integration.settings,
      operations: resolveOperations(input, name, integration, provider, contents),
    }
  })

export const originOf = (tree: Tree, steps: readonly string[]): string => {
  const { file, line, column } = tree.keyLocation(steps)
  return `${file}:${line}:${column}`
}

const resolveRate = (text: string): RateConfig => {
  const { count, periodMs } = readRate(text)
  return { limit: count, windowMs: periodMs }
}

const unnamed: Pick<ValidOperation, 'failure_modes' | 'priority' | 'settings'> = { failure_modes: {}, priority: 'P1', settings: {} }

const priorities = { P0: 0, P1: 1, P2: 2 } as const

const resolveOperations = (
  input: ValidInput,
  name: string,
  integration: ValidIntegration,
  provider: Provider,
  { providers, commonKinds }: IntegrationContents,
): OperationConfig[] =>
  [...provider.operations].flatMap(([operation, description]): OperationConfig[] => {
    if (description === undefined) return []
    const written = integration.operations[operation]
    const own: Partial<ValidOperation> & typeof unnamed = written ?? unnamed
    const scene = modeScene(input, providers, { name, integration, provider, operation, description })
    return [
      {
        name: operation,
        idempotency: idempotencyOf(own.idempotency, description),
        ...(own.compensation !== undefined && { compensation: own.compensation }),
        timeoutMs: readDurationMs(own.timeout ?? integration.timeout),
        ...(own.rate_limit !== undefined && { rateLimit: resolveRate(own.rate_limit) }),
        priority: priorities[own.priority],
        ...(own.batch && {
          batch: { size: Math.min(own.batch.size, description.maxBatch ?? own.batch.size), maxWaitMs: readDurationMs(own.batch.max_wait) },
        }),
        failureModes: resolveModes(own.failure_modes, integration.failure_modes, scene, commonKinds),
        declared: written !== undefined,
        settings: own.settings,
      },
    ]
  })

export interface OperationPlace {
  readonly name: string
  readonly integration: ValidIntegration
  readonly provider: Provider
  readonly operation: string
  readonly description: OperationDescription
}

/** What failure modes of an operation depend on. */
export const modeScene = (input: Pick<ValidInput, 'consumers'>, providers: Providers, place: OperationPlace): ModeScene => ({
  integration: place.name,
  operation: place.operation,
  description: place.description,
  idempotency: place.integration.operations[place.operation]?.idempotency,
  capability: place.provider.adapter.capability,
  queue: place.integration.queue,
  delivering: deliveringQueues(Object.values(input.consumers ?? {}), place.name),
  fallback: (to) => {
    const other = providers.get(to)
    return other && { capability: other.adapter.capability, operations: new Set(other.operations.keys()) }
  },
})
