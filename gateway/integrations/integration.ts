import type { IntegrationConfig, OperationConfig } from '../../config/model.ts'
import type { OutboundLimiter } from '../limits/outbound-limiter.ts'
import type { Adapter, AdapterContext, AdapterInstance, OperationDefinition, OperationHandlers } from '../plugin.ts'
import { CircuitBreaker } from '../policies/circuit-breaker.ts'
import type { CircuitState } from '../policies/circuit-breaker.ts'
import { asAdapter, namedInstance } from './adapter-at-work.ts'
import type { OpenAdapterContext } from './adapter-context.ts'
import { operationPipe } from './operation-pipe.ts'
import type { OperationPipe } from './operation-pipe.ts'
import type { IntegrationMetrics, OperationSeries } from './integration-metrics.ts'
import { schemaCheck } from './schema-check.ts'
import type { SchemaCheck } from './schema-check.ts'
import { slots } from './slots.ts'
import { UnusableAdapter } from './unusable-adapter.ts'
import type { OperationTraits } from './verdict.ts'

/** Where the adapter and its context come from, and what all integrations share. */
export interface IntegrationDeps {
  /** Limits of all processes together. */
  readonly limiter: Pick<OutboundLimiter, 'take'>
  readonly metrics: IntegrationMetrics
  readonly log: IntegrationLog
  /** What an adapter gets, and how it is given up. */
  makeContext(config: IntegrationConfig, adapter: Adapter): OpenAdapterContext
  onBreakerChange(integration: string, state: CircuitState): void
  now(): number
  epochNow(): number
  random(): number
}

export interface IntegrationLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** An operation that can be called. */
export interface Operation {
  readonly integration: IntegrationConfig
  readonly config: OperationConfig
  readonly handlers: OperationHandlers
  readonly traits: OperationTraits
  readonly input: SchemaCheck
  readonly output: SchemaCheck
  readonly pipe: OperationPipe
  readonly series: OperationSeries
  /** It only reads: it may be repeated at will, and nobody needs to know that it was asked. */
  readonly isQuestion: boolean
  /** What it takes and gives are credentials, which are not stored. */
  readonly isEphemeral: boolean
}

/** An adapter at work. */
export interface Integration {
  readonly config: IntegrationConfig
  readonly adapter: Adapter
  readonly instance: AdapterInstance
  readonly breaker: CircuitBreaker | undefined
  readonly operations: ReadonlyMap<string, Operation>
  /** Attempts under way. */
  readonly inFlight: number
  /** Counts work that may still call it. @returns Ends that. */
  use(): () => void
  /** Batches wait for nobody any more. */
  hurry(): void
  /** Gives the adapter up once nobody uses it any more, or after `withinMs`. Never rejects. */
  close(withinMs: number): Promise<void>
}

const createWithinMs = 10_000
const closeWithinMs = 5000
const defaultKeyTtlMs = 86_400_000

/**
 * @param canFallBack Whether another integration in force has the operation.
 * @throws {UnusableAdapter}
 */
export async function integration(
  config: IntegrationConfig,
  adapter: Adapter,
  canFallBack: (integration: string, operation: string) => boolean,
  deps: IntegrationDeps,
): Promise<Integration> {
  const surroundings = surroundingsOf(config, adapter, deps)
  let instance: AdapterInstance
  try {
    const created = await within(createWithinMs, Promise.resolve(asAdapter(config.name, () => adapter.create(surroundings.context))))
    instance = namedInstance(config.name, created)
  } catch (error) {
    void surroundings.close()
    throw new UnusableAdapter(`${config.origin}: The adapter ${adapter.type} could not be created: ${messageOf(error)}.`, { cause: error })
  }
  const breaker = breakerOf(config, deps)
  const places = slots(config.maxConcurrent)
  const users = slots(Infinity)
  const operations = new Map<string, Operation>()
  const build = (operation: OperationConfig): Operation => {
    const definition = definitionOf(adapter, operation, surroundings.context.template)
    const handlers = instance.operations[operation.name]
    if (definition === undefined || handlers === undefined)
      throw new UnusableAdapter(`${config.origin}: The adapter ${adapter.type} has no operation ${operation.name}.`)
    const traits = traitsOf(config, operation, definition, handlers, canFallBack)
    const series = deps.metrics.operation(config.name, operation.name)
    const output = schemaCheck(definition.output)
    const fields = { integration: config.name, operation: operation.name }
    const pipe = operationPipe(config, operation, traits, {
      ...deps,
      handlers,
      output,
      slots: places,
      breaker,
      series,
      onAdapterError: (error) => deps.log.error({ err: error, ...fields }, `the adapter of ${config.name}.${operation.name} failed`),
    })
    const isQuestion = traits.nature === 'inherent' && traits.duplicates === 'tolerable'
    const isEphemeral = definition.ephemeral === true
    const input = schemaCheck(definition.input)
    return { integration: config, config: operation, handlers, traits, input, output, pipe, series, isQuestion, isEphemeral }
  }
  try {
    for (const operation of config.operations) operations.set(operation.name, build(operation))
  } catch (error) {
    await closed(instance, surroundings, breaker)
    throw error
  }
  const hurry = (): void => {
    for (const { pipe } of operations.values()) pipe.hurry()
  }
  return {
    config,
    adapter,
    instance,
    breaker,
    operations,
    get inFlight() {
      return places.used
    },
    use: () => users.take() as () => void,
    hurry,
    close: async (withinMs) => {
      hurry()
      await within(withinMs, Promise.all([users.idle(), places.idle()])).catch(() => undefined)
      await closed(instance, surroundings, breaker)
    },
  }
}

function surroundingsOf(config: IntegrationConfig, adapter: Adapter, deps: IntegrationDeps): OpenAdapterContext {
  try {
    return deps.makeContext(config, adapter)
  } catch (error) {
    throw new UnusableAdapter(`${config.origin}: The integration ${config.name} cannot be used: ${messageOf(error)}.`, { cause: error })
  }
}

async function closed(instance: AdapterInstance, surroundings: OpenAdapterContext, breaker: CircuitBreaker | undefined): Promise<void> {
  breaker?.close()
  await within(
    closeWithinMs,
    Promise.resolve().then(() => instance.close?.()),
  ).catch(() => undefined)
  await surroundings.close().catch(() => undefined)
}

export const definitionOf = (
  adapter: Adapter,
  { name, settings }: OperationConfig,
  template: AdapterContext['template'],
): OperationDefinition | undefined =>
  Object.hasOwn(adapter.operations, name) ? adapter.operations[name] : adapter.declared?.define(name, settings, template)

function traitsOf(
  { reconcile, retry }: IntegrationConfig,
  { name, failureModes }: OperationConfig,
  definition: OperationDefinition,
  handlers: OperationHandlers,
  canFallBack: (integration: string, operation: string) => boolean,
): OperationTraits {
  return {
    nature: definition.idempotency,
    duplicates: definition.duplicates,
    keyTtlMs: definition.keyTtlMs ?? defaultKeyTtlMs,
    maxAttempts: retry.maxAttempts,
    canLookUp: handlers.lookup !== undefined,
    hasLocal: handlers.local !== undefined,
    templateField: definition.templateField,
    modes: failureModes,
    reconcile,
    canFallBackTo: (to) => canFallBack(to, name),
  }
}

function breakerOf(config: IntegrationConfig, deps: IntegrationDeps): CircuitBreaker | undefined {
  if (config.circuitBreaker === undefined) return undefined
  const transitions = deps.metrics.transitions(config.name)
  return new CircuitBreaker(config.circuitBreaker, () => false, {
    now: deps.now,
    onChange: (state) => {
      transitions.count(state)
      deps.onBreakerChange(config.name, state)
    },
  })
}

/** @throws Error when it takes longer than `ms`. */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${ms} ms`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
