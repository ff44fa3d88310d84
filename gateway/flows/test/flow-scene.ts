import type { FlowCall, FlowConfig, FlowStepConfig, ServiceConfig } from '../../../config/model.ts'
import { memoryStore } from '../../integrations/test/memory-store.ts'
import type { MemoryStore } from '../../integrations/test/memory-store.ts'
import type { OperationRequest, OperationResult, Operations } from '../../integrations/operation.ts'
import type { Alert } from '../../alerts/alert.ts'
import { metrics } from '../../observe/metrics.ts'
import { idSource } from '../../observe/trace-ids.ts'
import { buildServices } from '../../services/registry.ts'
import { serviceConfig } from '../../services/test/fixtures.ts'
import type { RecordStore } from '../../state/record-store.ts'
import { flows } from '../flow-engine.ts'
import type { FlowEngine, FlowsDeps } from '../flow-engine.ts'
import type { FlowStatus } from '../flows.ts'

export const flowConfig = (steps: readonly FlowStepConfig[], changes: Partial<FlowConfig> = {}): FlowConfig => ({
  name: 'order',
  origin: 'gateway.yaml:1:1',
  deadlineMs: 60_000,
  waitMs: 10_000,
  keepMs: 60_000,
  steps,
  ...changes,
})

type ServiceFields = Extract<FlowCall, { readonly type: 'service' }>

export const serviceStep = (name: string, call: Partial<ServiceFields> = {}, changes: Partial<FlowStepConfig> = {}): FlowStepConfig =>
  step(
    name,
    { type: 'service', service: 'shop', method: 'POST', path: `/${name}`, headers: [], body: { order: '{{ input.order }}' }, ...call },
    changes,
  )

export const operationStep = (name: string, changes: Partial<FlowStepConfig> = {}): FlowStepConfig =>
  step(name, { type: 'operation', integration: 'payment', operation: 'create_payment', input: { amount: '{{ input.amount }}' } }, changes)

const step = (name: string, call: FlowCall, changes: Partial<FlowStepConfig>): FlowStepConfig => ({
  name,
  call,
  timeoutMs: 2000,
  retry: { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 2 },
  onFailure: 'compensate',
  compensation: { type: 'none' },
  ...changes,
})

/** A compensation that deletes what the step has made, by the id of the flow. */
export const deleted = (name: string): FlowStepConfig['compensation'] => ({
  type: 'call',
  call: { type: 'service', service: 'shop', method: 'DELETE', path: `/${name}/{{ flow.id }}`, headers: [] },
})

export interface Scene {
  readonly engine: FlowEngine
  readonly store: MemoryStore
  readonly alerts: { readonly channel: string | undefined; readonly alert: Alert }[]
  readonly logged: string[]
  /** What operations were asked, in order. */
  readonly requests: OperationRequest[]
  close(): Promise<void>
}

export interface SceneOptions {
  readonly url?: string
  readonly flows: readonly FlowConfig[]
  readonly operation?: (request: OperationRequest, count: number) => OperationResult | Promise<OperationResult>
  readonly status?: Operations['status']
  readonly store?: RecordStore
  readonly deps?: Partial<FlowsDeps>
}

/** An engine over real HTTP, with fast leases; operations are whatever the test says. */
export function flowScene(options: SceneOptions): Scene {
  const store = memoryStore(Date.now)
  const alerts: Scene['alerts'] = []
  const logged: string[] = []
  const requests: OperationRequest[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (_fields: object, message: string) => void logged.push(message),
    error: (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify('err' in fields ? String(fields.err) : '')}`),
  }
  const operations: Operations = {
    execute: async (request) => {
      requests.push(request)
      if (options.operation === undefined) throw new Error('no operation is expected')
      return options.operation(request, requests.length)
    },
    resume: () => Promise.resolve(undefined),
    status: options.status ?? (() => Promise.resolve(undefined)),
  }
  const engine = flows({
    store: options.store ?? store,
    operations,
    undoInput: (_integration, _operation, undo, done) => ({ undo, of: done.output }),
    alerts: { raise: (channel, alert) => void alerts.push({ channel, alert }) },
    metrics: metrics({ process: false }),
    ids: idSource(),
    log,
    now: () => performance.now(),
    epochNow: Date.now,
    random: Math.random,
    times: { leaseMs: 300, renewMs: 100, pollMs: 20 },
    ...options.deps,
  })
  const services: ServiceConfig[] = options.url === undefined ? [] : [serviceConfig({ name: 'shop', urls: [options.url] })]
  const set = buildServices(services, new Map(), { log, now: () => performance.now(), random: Math.random })
  engine.prepare({ flows: options.flows }, set.services).enter()
  return {
    engine,
    store,
    alerts,
    logged,
    requests,
    close: async () => {
      await engine.close()
      await Promise.all([...set.services.values()].map((service) => service.close()))
    },
  }
}

/** The flow when it has ended. */
export async function endOf(engine: FlowEngine, id: string, ms = 10_000): Promise<FlowStatus> {
  const status = await engine.wait(id, ms, new AbortController().signal)
  if (status === undefined) throw new Error('the flow is not known')
  return status
}

export const completed = (output: OperationRequest['input'], id = 'int_1'): OperationResult => ({
  type: 'completed',
  id,
  output,
  replayed: false,
  by: 'payment',
})

export const refused = (executed: 'no' | 'yes' | 'unknown', id = 'int_1'): OperationResult => ({
  type: 'failed',
  id,
  failure: { kind: 'rejected', executed, message: 'declined', code: 'card_declined' },
  mode: undefined,
  tell: undefined,
  status: 502,
  replayed: false,
})
