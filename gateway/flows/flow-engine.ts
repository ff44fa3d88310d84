import { randomUUID } from 'node:crypto'
import type { FlowConfig, GatewayConfig } from '../../config/model.ts'
import type { Alerts } from '../alerts/alert.ts'
import { GatewayError } from '../errors.ts'
import { otherInput } from '../integrations/operation.ts'
import { traceContext, traceparent } from '../observe/trace.ts'
import type { Service } from '../services/service.ts'
import type { RecordStore } from '../state/record-store.ts'
import type { FlowLog } from './due-flows.ts'
import { flowDesk } from './flow-desk.ts'
import { flowInput } from './flow-input.ts'
import type { InputCheck } from './flow-input.ts'
import { decoded, digestOf, flowId, flowKind, sha256, statusOf } from './flow-record.ts'
import type { FlowRecord } from './flow-record.ts'
import type { RunDeps } from './flow-run.ts'
import { flowWorkers } from './flow-workers.ts'
import type { FlowTimes } from './flow-workers.ts'
import { flowWait } from './flow-wait.ts'
import type { Flows } from './flows.ts'
import { recordOf } from './held-flow.ts'

export interface FlowsDeps extends Omit<RunDeps, 'service' | 'closing' | 'draining'> {
  /** Always the one in force. */
  readonly store: RecordStore
  readonly alerts: Alerts
  readonly log: FlowLog
  /** Overrides for tests. */
  readonly times?: Partial<FlowTimes>
}

/** What a configuration needs before it comes into force. */
export interface PreparedFlows {
  /** From now on flows begin by this configuration; those under way go on as they began. */
  enter(): void
}

export interface FlowEngine extends Flows {
  /** @throws Error where a flow cannot be compiled. */
  prepare(config: Pick<GatewayConfig, 'flows'>, services: ReadonlyMap<string, Service>): PreparedFlows
  /** Steps under way end and are stored; what remains to be done waits for another process, or the next start. */
  drain(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

interface Declared {
  readonly config: FlowConfig
  readonly hash: string
  readonly check: InputCheck
}

/** The definition is stored with each flow. */
const maxDefinitionBytes = 256 * 1024
/** The flow that has the key may expire just when it is looked for. */
const maxTries = 3

export function flows(deps: FlowsDeps): FlowEngine {
  let declared: ReadonlyMap<string, Declared> = new Map()
  let services: ReadonlyMap<string, Service> = new Map()
  const { store, epochNow, ids } = deps
  const workers = flowWorkers({ ...deps, service: (name) => services.get(name) })
  const desk = flowDesk({ store, epochNow, onDue: workers.look })
  const wait = flowWait({ store, workers })

  const begun = (one: Declared, { flow, scope, key, input, traceparent: parent }: Parameters<Flows['start']>[0], nowMs: number): FlowRecord => ({
    id: flowId(flow, scope, key),
    flow,
    scope,
    digest: digestOf(input),
    input,
    definition: one.config,
    definitionHash: one.hash,
    traceparent: parent ?? traceparent(traceContext({}, ids)),
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    deadlineAtMs: nowMs + one.config.deadlineMs,
    undoUntilMs: Infinity,
    state: 'running',
    steps: one.config.steps.map(({ name }) => ({ name, state: 'waiting', attempts: 0, undoAttempts: 0, misses: 0 })),
    nextAtMs: 0,
    calling: false,
    owner: randomUUID(),
  })

  const start: Flows['start'] = async (request) => {
    const one = declared.get(request.flow)
    if (one === undefined) throw new Error(`flow ${request.flow} does not exist`)
    one.check(request.input)
    const nowMs = epochNow()
    const record = begun(one, request, nowMs)
    for (let tries = 0; tries < maxTries; tries += 1) {
      const place = workers.place()
      const version = await store
        .put({ ...recordOf(record, nowMs), dueAtMs: place === undefined ? nowMs : nowMs + workers.leaseMs }, 0)
        .catch((error: unknown) => {
          place?.leave()
          throw error
        })
      if (version !== undefined) {
        // Told as it begins: what runs changes the record.
        const status = statusOf(record)
        place?.run(record, version)
        return { ...status, replayed: false }
      }
      place?.leave()
      const known = await store.get(flowKind, record.id)
      if (known === undefined) continue
      const stored = decoded(known.value)
      if (stored.digest !== record.digest) throw new GatewayError('IDEMPOTENCY_CONFLICT', { detail: otherInput })
      return { ...statusOf(stored), replayed: true }
    }
    throw new GatewayError('STATE_UNAVAILABLE')
  }

  return {
    ...desk,
    start,
    wait,
    prepare: (config, next) => {
      const compiled = new Map(config.flows.map((flow) => [flow.name, declaredFlow(flow, workers.compile)]))
      return {
        enter: () => {
          declared = compiled
          services = next
          deps.metrics.flows.retain(compiled)
          if (compiled.size > 0) workers.begin()
        },
      }
    },
    drain: workers.drain,
    close: workers.close,
  }
}

function declaredFlow(config: FlowConfig, compile: (config: FlowConfig, hash: string) => unknown): Declared {
  const text = JSON.stringify(config)
  if (Buffer.byteLength(text) > maxDefinitionBytes)
    throw new Error(`${config.origin}: flow ${config.name} is larger than ${maxDefinitionBytes} bytes`)
  const hash = sha256(text)
  try {
    compile(config, hash)
  } catch (error) {
    throw new Error(`${config.origin}: flow ${config.name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  return { config, hash, check: flowInput(config.name, config.input) }
}
