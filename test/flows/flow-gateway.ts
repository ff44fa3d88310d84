import type { FlowConfig, FlowStepConfig, JsonValue } from '../../config/model.ts'
import { flows } from '../../gateway/flows/flow-engine.ts'
import type { FlowEngine } from '../../gateway/flows/flow-engine.ts'
import { flowConfig, operationStep, serviceStep } from '../../gateway/flows/test/flow-scene.ts'
import { newIntent } from '../../gateway/integrations/intent.ts'
import type { OperationResult, Operations } from '../../gateway/integrations/operation.ts'
import { metrics } from '../../gateway/observe/metrics.ts'
import { idSource } from '../../gateway/observe/trace-ids.ts'
import { buildServices } from '../../gateway/services/registry.ts'
import { serviceConfig } from '../../gateway/services/test/fixtures.ts'
import type { RecordStore } from '../../gateway/state/record-store.ts'

/** What a process of the test does. */
export interface FlowTask {
  readonly path: string
  readonly url: string
  readonly flow: 'succeeds' | 'fails'
  readonly trial: string
  readonly leaseMs: number
  /** Counted from 1. */
  readonly kill: { readonly write: number; readonly when: 'before' | 'after' } | undefined
}

const undoneAt = (name: string): FlowStepConfig['compensation'] => ({
  type: 'call',
  call: { type: 'service', service: 'shop', method: 'POST', path: `/{{ input.trial }}/undo_${name}`, headers: [], body: { of: '{{ flow.id }}' } },
})

const stepsOf = (last: string): FlowConfig['steps'] => [
  serviceStep('reserve', { path: '/{{ input.trial }}/reserve', body: {} }, { compensation: undoneAt('reserve') }),
  { ...operationStep('pay', { compensation: { type: 'undo', operation: 'refund' } }), call: { ...pay, input: { trial: '{{ input.trial }}' } } },
  serviceStep('ship', { path: `/{{ input.trial }}/${last}`, body: { payment: '{{ steps.pay.output.key }}' } }, { compensation: undoneAt('ship') }),
]

const pay = { type: 'operation', integration: 'payment', operation: 'pay' } as const

const declared = [flowConfig(stepsOf('ship'), { name: 'succeeds' }), flowConfig(stepsOf('refuse'), { name: 'fails' })]

/** An engine over one shop, whose payments are requests to the shop as well: repeated with the same key, they have one effect. */
export function flowGateway(
  store: RecordStore,
  url: string,
  times: { readonly leaseMs: number; readonly renewMs: number },
): { engine: FlowEngine; close(): Promise<void> } {
  const execute: Operations['execute'] = async ({ integration, operation, scope, key, input, signal }) => {
    const { id } = newIntent({ integration, operation, scope, key, input, ttlMs: 0, nowMs: 0 })
    const { trial } = input as { readonly trial: string }
    try {
      const answer = await fetch(`${url}/${trial}/${operation}`, {
        method: 'POST',
        headers: { 'idempotency-key': key ?? '' },
        signal: signal ?? null,
      })
      return { type: 'completed', id, output: (await answer.json()) as JsonValue, replayed: false, by: integration }
    } catch {
      return { type: 'wait', id, mode: undefined, delayMs: 1, counted: true, failure: lost } satisfies OperationResult
    }
  }
  const lost = { kind: 'network_error', executed: 'unknown', message: 'no answer' } as const
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const engine = flows({
    store,
    operations: { execute, resume: () => Promise.resolve(undefined), status: () => Promise.resolve(undefined) },
    undoInput: (_integration, _operation, _undo, { input }) => input,
    alerts: { raise: () => undefined },
    metrics: metrics({ process: false }),
    ids: idSource(),
    log,
    now: () => performance.now(),
    epochNow: Date.now,
    random: Math.random,
    times: { ...times, pollMs: 100 },
  })
  const { services } = buildServices([serviceConfig({ name: 'shop', urls: [url] })], new Map(), {
    log,
    now: () => performance.now(),
    random: Math.random,
  })
  engine.prepare({ flows: declared }, services).enter()
  return {
    engine,
    close: async () => {
      await engine.close()
      await Promise.all([...services.values()].map((service) => service.close()))
    },
  }
}
