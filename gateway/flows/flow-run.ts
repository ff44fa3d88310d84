import type { JsonValue } from '../../config/model.ts'
import { TemplateError } from '../../config/templates/template.ts'
import { newIntent } from '../integrations/intent.ts'
import type { IntentStatus, Operations } from '../integrations/operation.ts'
import type { Metrics } from '../observe/metrics.ts'
import { traceContext, traceparent } from '../observe/trace.ts'
import type { IdSource } from '../observe/trace-ids.ts'
import type { Service } from '../services/service.ts'
import type { CallResult } from './call-result.ts'
import { failureOf } from './call-result.ts'
import type { CompiledFlow, FilledCall } from './compiled-flow.ts'
import type { FlowRecord, StepRecord } from './flow-record.ts'
import type { HeldFlow } from './held-flow.ts'
import { operationCall } from './operation-call.ts'
import { afterAsking, afterCall, afterUndo } from './outcomes.ts'
import { nextTask } from './progress.ts'
import type { Task } from './progress.ts'
import { serviceCall } from './service-call.ts'
import { templateFailure } from './step-changes.ts'

export interface RunDeps {
  readonly operations: Operations
  /** Input of the operation that undoes another one, as its adapter makes it. @throws where the adapter cannot. */
  undoInput(integration: string, operation: string, undo: string, done: { readonly input: JsonValue; readonly output: JsonValue }): JsonValue
  service(name: string): Service | undefined
  readonly metrics: Pick<Metrics, 'latency' | 'errors' | 'flows'>
  readonly ids: IdSource
  /** Aborts calls under way: the process ends. */
  readonly closing: AbortSignal
  /** No new call is begun. */
  draining(): boolean
  /** Milliseconds on a monotonic clock. */
  now(): number
  epochNow(): number
  random(): number
}

/** Records larger than this are refused by the store; some room is left for what follows. */
const maxKeptBytes = 768 * 1024

/**
 * Works on a flow until it waits, has ended, or is not ours any more. Before each call the record is stored, with what the one before has
 * come to: a process that dies leaves at most one call behind whose end is not known, and that one is repeated with its key.
 * @returns Whether the last write was stored.
 */
export async function flowRun(held: HeldFlow, plan: CompiledFlow, deps: RunDeps): Promise<boolean> {
  const { record } = held
  for (;;) {
    const task = deps.draining() ? ({ type: 'wait' } as const) : nextTask(record, plan, deps.epochNow())
    record.updatedAtMs = deps.epochNow()
    if (task.type === 'wait' || task.type === 'end') {
      if (record.state === 'completed') finish(record, plan)
      return held.release()
    }
    record.calling = task.type !== 'ask'
    if (!(await held.keep())) return false
    await perform(task, record, plan, deps)
    // Another process has it, or this one ends: what has happened is found out by its key.
    if (held.lost || deps.closing.aborted) return false
    record.calling = false
  }
}

async function perform(task: Extract<Task, { readonly index: number }>, record: FlowRecord, plan: CompiledFlow, deps: RunDeps): Promise<void> {
  const { index } = task
  if (task.type === 'ask') {
    const status = await asked(record, index, deps)
    afterAsking(record, index, status, deps.epochNow(), deps.random)
    return
  }
  if (task.type === 'undo') {
    const result = await undone(record, plan, index, deps)
    deps.metrics.flows.called(record.flow, result instanceof Error ? 'failed' : result.type)
    if (!deps.closing.aborted) afterUndo(record, plan, index, result, deps.epochNow(), deps.random)
    return
  }
  const result = await called(record, plan, index, deps)
  deps.metrics.flows.called(record.flow, result.type)
  if (!deps.closing.aborted) afterCall(record, plan, index, fitting(record, result), deps.epochNow(), deps.random)
}

async function called(record: FlowRecord, plan: CompiledFlow, index: number, deps: RunDeps): Promise<CallResult> {
  try {
    const filled = plan.steps[index]?.call(record)
    if (filled === undefined) throw new Error('the step does not exist')
    return await sent(filled, record, index, '', deps)
  } catch (error) {
    return { type: 'failed', failure: templateFailure(error) }
  }
}

async function undone(record: FlowRecord, plan: CompiledFlow, index: number, deps: RunDeps): Promise<CallResult | TemplateError> {
  let filled: FilledCall
  try {
    filled = undoCall(record, plan, index, deps)
  } catch (error) {
    return error instanceof TemplateError ? error : new TemplateError('its compensation cannot be made from what is there', [], error)
  }
  return sent(filled, record, index, '.undo', deps)
}

/** @throws where it cannot be made. */
function undoCall(record: FlowRecord, plan: CompiledFlow, index: number, deps: RunDeps): FilledCall {
  const compiled = plan.steps[index]
  const compensation = compiled?.config.compensation
  if (compiled?.undo !== undefined) return compiled.undo(record)
  const call = compiled?.call(record)
  if (compensation?.type !== 'undo' || call?.type !== 'operation') throw new Error('the step has no compensation')
  const { integration, operation, input } = call
  const output = record.steps[index]?.output ?? null
  return {
    type: 'operation',
    integration,
    operation: compensation.operation,
    input: deps.undoInput(integration, operation, compensation.operation, { input, output }),
  }
}

const keyOf = (record: FlowRecord, step: StepRecord | undefined, suffix: string): string => `${record.id}.${step?.name ?? ''}${suffix}`

async function sent(call: FilledCall, record: FlowRecord, index: number, suffix: '' | '.undo', deps: RunDeps): Promise<CallResult> {
  const { definition } = record
  const timeoutMs = definition.steps[index]?.timeoutMs ?? Infinity
  const key = keyOf(record, record.steps[index], suffix)
  const trace = traceparent(traceContext({ traceparent: record.traceparent }, deps.ids))
  if (call.type === 'operation') {
    const { integration, operation, input } = call
    const ttlMs = ttlOf(definition.deadlineMs)
    return operationCall({ integration, operation, input, key, scope: record.flow, traceparent: trace, timeoutMs, ttlMs, signal: deps.closing }, deps)
  }
  const service = deps.service(call.service)
  if (service === undefined) {
    return { type: 'again', failure: failureOf('network_error', 'no', 'The service is not configured any more.'), counted: true, unanswered: false }
  }
  const result = await serviceCall({ service, request: call, key, traceparent: trace, timeoutMs, signal: deps.closing }, deps)
  // What is not there needs no undoing.
  const gone = result.type === 'failed' && (result.failure.status === 404 || result.failure.status === 410)
  return suffix === '.undo' && call.method === 'DELETE' && gone ? { type: 'done', output: null } : result
}

const usualTtlMs = 24 * 3_600_000

/** Compensations end twice the deadline after it at the latest. */
const ttlOf = (deadlineMs: number): number | undefined => (3 * deadlineMs > usualTtlMs && deadlineMs !== Infinity ? 3 * deadlineMs : undefined)

async function asked(record: FlowRecord, index: number, deps: RunDeps): Promise<IntentStatus | 'unavailable' | undefined> {
  const step = record.steps[index]
  const call = record.definition.steps[index]?.call
  if (step === undefined || call?.type !== 'operation') return undefined
  const { integration, operation } = call
  try {
    // A process that was killed while it called left no id behind.
    const named = newIntent({ integration, operation, scope: record.flow, key: keyOf(record, step, ''), input: null, ttlMs: 0, nowMs: 0 })
    return await deps.operations.status(step.intent ?? named.id)
  } catch {
    return 'unavailable'
  }
}

/** What was done cannot be kept: later steps could not see it, and a flow that cannot be stored cannot be finished. */
function fitting(record: FlowRecord, result: CallResult): CallResult {
  if (result.type !== 'done') return result
  const kept = [record.input, record.definition, result.output, ...record.steps.map(({ output }) => output ?? null)]
  if (kept.reduce<number>((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)), 0) <= maxKeptBytes) return result
  return { type: 'failed', failure: failureOf('invalid_response', 'yes', 'The answers of the steps are larger than a flow can keep.') }
}

function finish(record: FlowRecord, plan: CompiledFlow): void {
  try {
    record.output = plan.output(record)
  } catch (error) {
    // Every step is done: the flow is, too. What it says about it is the fault of its author.
    record.output = null
    const last = record.steps.at(-1)
    if (last !== undefined) last.failure = templateFailure(error)
  }
}
