import { failureOf } from './call-result.ts'
import type { CompiledFlow, CompiledStep } from './compiled-flow.ts'
import type { FlowRecord, StepRecord } from './flow-record.ts'
import { afterFailure, brokenBy, leftToPeople, stepFailed, templateFailure } from './step-changes.ts'

/**
 * What is to be done next with a flow. `call` and `undo` have an effect: the record is stored before. `ask`: what became of an operation
 * whose outcome is unknown. `wait`: nothing before `nextAtMs`. `end`: it has ended, or a person has to look.
 */
export type Task = { readonly type: 'call' | 'undo' | 'ask'; readonly index: number } | { readonly type: 'wait' } | { readonly type: 'end' }

/** Decides by the record alone, and writes into it what it decides. Each call of it goes on from what the one before has brought about. */
export function nextTask(record: FlowRecord, plan: CompiledFlow, nowMs: number): Task {
  if (record.state === 'running') {
    const task = forward(record, plan, nowMs)
    if (task !== undefined) return task
  }
  if (record.state === 'compensating') return backward(record, plan, nowMs)
  return { type: 'end' }
}

/** @returns Undefined when the flow has failed just now. */
function forward(record: FlowRecord, plan: CompiledFlow, nowMs: number): Task | undefined {
  for (const [index, step] of record.steps.entries()) {
    const compiled = plan.steps[index]
    if (compiled === undefined || (step.state !== 'waiting' && step.state !== 'started')) continue
    if (nowMs >= record.deadlineAtMs) {
      // Told also where the step had not begun: it is what the flow has failed of.
      const failure = failureOf('timeout', step.unknown === true ? 'unknown' : 'no', 'The deadline of the flow has passed.')
      stepFailed(step, failure)
      brokenBy(step, failure, undefined, record, nowMs)
      return undefined
    }
    if (step.state === 'waiting' && !begins(record, step, compiled, nowMs)) {
      if (record.state === 'running') continue
      return undefined
    }
    if (record.nextAtMs > nowMs) return { type: 'wait' }
    step.state = 'started'
    step.attempts += 1
    record.nextAtMs = 0
    return { type: 'call', index }
  }
  record.state = 'completed'
  return { type: 'end' }
}

/** Whether the step has to be done. */
function begins(record: FlowRecord, step: StepRecord, compiled: CompiledStep, nowMs: number): boolean {
  try {
    if (compiled.wanted(record)) return true
    step.state = 'skipped'
  } catch (error) {
    afterFailure(record, step, compiled, { failure: templateFailure(error), unknown: false }, nowMs)
  }
  return false
}

/** The last one first; each is undone before the one before it is touched. */
function backward(record: FlowRecord, plan: CompiledFlow, nowMs: number): Task {
  for (let index = record.steps.length - 1; index >= 0; index -= 1) {
    const step = record.steps[index]
    const compiled = plan.steps[index]
    if (step === undefined || compiled === undefined || !mayNeedUndoing(step)) continue
    const { compensation, call } = compiled.config
    if (compensation.type === 'none') {
      if (step.state === 'undoing') step.state = 'done'
      continue
    }
    const asks = step.unknown === true && call.type === 'operation'
    if (!asks && compensation.type === 'manual_review') {
      leftToPeople(step)
      continue
    }
    if (record.nextAtMs > nowMs) return { type: 'wait' }
    if (nowMs >= record.undoUntilMs && step.undoAttempts > 0) {
      step.state = 'not_undone'
      continue
    }
    step.state = 'undoing'
    step.undoAttempts += 1
    record.nextAtMs = 0
    return { type: asks ? 'ask' : 'undo', index }
  }
  record.state = record.steps.some(({ state }) => state === 'not_undone') ? 'review' : 'compensated'
  return { type: 'end' }
}

const mayNeedUndoing = ({ state, unknown }: StepRecord): boolean =>
  state === 'done' || state === 'undoing' || (state === 'failed' && unknown === true)
