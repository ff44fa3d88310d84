import type { FailureModeConfig, IntegrationConfig, OperationConfig } from '../../../config/model.ts'
import { defaultStatus } from '../../../config/resolve/failure-modes.ts'
import type { Alert } from '../../alerts/alert.ts'
import type { Message } from '../../messaging/message.ts'
import { metrics } from '../../observe/metrics.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Adapter } from '../../plugin.ts'
import type { RecordStore } from '../../state/record-store.ts'
import { adapterContext } from '../adapter-context.ts'
import { integrations } from '../integrations.ts'
import type { Integrations, IntegrationsDeps } from '../integrations.ts'
import type { OperationRequest, OperationResult } from '../operation.ts'
import type { OutboundLimiter } from '../../limits/outbound-limiter.ts'
import { testAdapter } from './adapter.ts'

export interface SceneOptions {
  readonly store: RecordStore
  readonly integrations: readonly IntegrationConfig[]
  /** Added to the clock; the test moves it. */
  readonly clock?: { offsetMs: number }
  readonly adapter?: Adapter
  readonly limiter?: Pick<OutboundLimiter, 'take'>
  readonly events?: readonly string[]
  /** Stands for the broker. */
  readonly publish?: (queue: string, message: Message) => Promise<void>
}

export interface Scene extends Integrations {
  readonly alerts: (Alert & { readonly channel: string | undefined })[]
  /** What was put into queues and published as events, in this order. */
  readonly messages: { readonly to: string; readonly message: Message }[]
  readonly metrics: Metrics
  /** A payment from the door, unless `change` says otherwise. */
  pay(change?: Partial<OperationRequest>): Promise<OperationResult>
  apply(integrations: readonly IntegrationConfig[]): Promise<void>
}

const nothing = (): void => undefined
export const silentLog = { info: nothing, warn: nothing, error: nothing, debug: nothing }
const adapterLog = { ...silentLog, child: () => silentLog }
const generous: Pick<OutboundLimiter, 'take'> = { take: () => Promise.resolve({ granted: true }) }

/** The integrations of a process over the given store. */
export async function scene(options: SceneOptions): Promise<Scene> {
  const alerts: Scene['alerts'] = []
  const messages: Scene['messages'] = []
  const counted = metrics({ process: false })
  const epochNow = (): number => Date.now() + (options.clock?.offsetMs ?? 0)
  const publish = async (to: string, message: Message): Promise<void> => {
    await options.publish?.(to, message)
    messages.push({ to, message })
  }
  const deps: IntegrationsDeps = {
    store: options.store,
    limiter: options.limiter ?? generous,
    metrics: counted.integrations,
    alerts: { raise: (channel, alert) => void alerts.push({ channel, ...alert }) },
    log: silentLog,
    publisher: { toQueue: publish },
    publishEvent: publish,
    adapter: (type) => (type === 'test' ? (options.adapter ?? testAdapter) : undefined),
    makeContext: (config, adapter) => adapterContext(config, { adapter, secrets: { reveal: (text) => text }, log: adapterLog, now: epochNow }),
    onBreakerChange: () => undefined,
    now: () => performance.now(),
    epochNow,
    random: Math.random,
  }
  const all = integrations(deps)
  const apply: Scene['apply'] = async (next) => {
    const events = (options.events ?? []).map((name) => ({ name, broker: 'default', exchange: name, publishers: [], queues: [] }))
    const prepared = await all.prepare({ integrations: next, events, queues: [], shutdown: { delayMs: 0, drainTimeoutMs: 1000 } })
    prepared.enter()
    await prepared.retire()
  }
  await apply(options.integrations)
  return {
    ...all,
    alerts,
    messages,
    metrics: counted,
    apply,
    pay: (change) =>
      all.operations.execute({
        integration: 'payment',
        operation: 'pay',
        input: { amount: 100 },
        key: 'order-1',
        scope: 'route',
        from: 'door',
        deadlineAtMs: Infinity,
        ...change,
      }),
  }
}

/** An integration with quick retries. */
export function integrationOf(
  baseUrl: string,
  change: Partial<IntegrationConfig> & { readonly modes?: readonly FailureModeConfig[]; readonly operation?: Partial<OperationConfig> } = {},
): IntegrationConfig {
  const { modes = [], operation, ...rest } = change
  const operations = Object.keys(testAdapter.operations).map(
    (name): OperationConfig => ({
      name,
      idempotency: 'optional',
      timeoutMs: 1000,
      priority: 1,
      failureModes: modes,
      declared: true,
      settings: {},
      ...operation,
    }),
  )
  return {
    name: 'payment',
    origin: 'gateway.yaml:1:1',
    plugin: 'test',
    capability: 'payments',
    criticality: 'medium',
    baseUrl,
    auth: { type: 'none' },
    connectTimeoutMs: 1000,
    timeoutMs: 1000,
    maxConcurrent: 100,
    retry: { backoff: 'constant', baseDelayMs: 5, maxDelayMs: 50, maxAttempts: 3 },
    idempotencyTtlMs: 86_400_000,
    reconcile: { baseDelayMs: 10, maxDelayMs: 50, giveUpAfterMs: 82_800_000 },
    settings: {},
    operations,
    ...rest,
  }
}

/** A mode as the configuration gives it; named after what it does. */
export const modeOf = (
  when: FailureModeConfig['when'][number],
  action: FailureModeConfig['then'],
  change: Partial<FailureModeConfig> = {},
): FailureModeConfig => {
  const status = defaultStatus[action]
  const queue = action === 'queue' || action === 'back_off_and_queue' ? { queue: 'payment.process' } : {}
  const mode = { name: action, when: [when], ...(status === undefined ? {} : { status }), ...queue, ...change }
  // An object that is written with a `then` looks like a promise.
  return Object.fromEntries(new Map<string, unknown>(Object.entries(mode)).set('then', action)) as unknown as FailureModeConfig
}

export const statusMode = (from: number, then: FailureModeConfig['then'], change: Partial<FailureModeConfig> = {}): FailureModeConfig =>
  modeOf({ status: [{ from, to: from }] }, then, change)
