import { TemplateError } from '../../config/templates/template.ts'
import type { JsonValue } from '../../config/model.ts'
import type { IntentStatus, StoredFailure } from '../integrations/operation.ts'
import { backoffMs } from '../policies/backoff.ts'
import type { CallResult } from './call-result.ts'
import { failureOf } from './call-result.ts'
import type { CompiledFlow, CompiledStep } from './compiled-flow.ts'
import type { FlowRecord, StepRecord } from './flow-record.ts'

/**
 * What is to be done next with a flow. `call` and `undo` have an effect: the record is stored before. `ask`: what became of an operation
 * whose outcome is unknown. `wait`: nothing before `nextAtMs`. `end`: it has ended, or a person has to look.
 */
export type Task = { readonly type: 'call' | 'undo' | 'ask'; readonly index: number } | { readonly type: 'wait' } | { readonly type: 'end' }

const askAgain = { baseDelayMs: 1000, maxDelayMs: 60_000 }

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
      undoFrom(record, nowMs)
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
    afterFailure(record, step, compiled, templateFailure(error), false, nowMs)
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

function leftToPeople(step: StepRecord): void {
  step.state = 'not_undone'
  step.byHand = true
}

function undoFrom(record: FlowRecord, nowMs: number): void {
  const { deadlineMs } = record.definition
  record.state = 'compensating'
  record.nextAtMs = 0
  record.undoUntilMs = Math.max(record.createdAtMs + 2 * deadlineMs, nowMs + deadlineMs)
}

/** Takes up what a call has come to. @param random Uniform in [0, 1). */
export function afterCall(record: FlowRecord, plan: CompiledFlow, index: number, result: CallResult, nowMs: number, random: () => number): void {
  const step = record.steps[index]
  const compiled = plan.steps[index]
  if (step === undefined || compiled === undefined) return
  if (result.intent !== undefined) step.intent = result.intent
  switch (result.type) {
    case 'done':
      isDone(step, result.output)
      return
    case 'skipped':
      settled(step)
      step.state = 'skipped'
      return
    case 'failed':
      // The last word about all attempts, because they had the same key.
      afterFailure(record, step, compiled, result.failure, result.failure.executed !== 'no', nowMs)
      return
    case 'again': {
      const { failure, counted, delayMs } = result
      if (failure !== undefined) step.failure = failure
      if (failure !== undefined && failure.executed !== 'no') step.unknown = true
      // An answer tells about earlier attempts as well, because they had the same key; a connection that was refused does not.
      if (result.unanswered) step.unanswered = true
      else if (failure?.status !== undefined) step.unanswered = false
      if (counted) step.misses += 1
      const { retry } = compiled.config
      if (counted && step.misses >= retry.maxAttempts && step.unanswered !== true) {
        afterFailure(record, step, compiled, failure ?? failureOf('internal', 'no', 'It did not work.'), step.unknown === true, nowMs)
        return
      }
      const backoff = backoffMs(retry, step.attempts, random)
      record.nextAtMs = Math.min(nowMs + Math.max(backoff, delayMs ?? 0), record.deadlineAtMs)
    }
  }
}

/** A step that cannot be called because its templates do not fit what is there. */
export const templateFailure = (error: unknown): StoredFailure =>
  failureOf('invalid_request', 'no', error instanceof TemplateError ? error.message.slice(0, 500) : 'The request cannot be made from what is there.')

function afterFailure(record: FlowRecord, step: StepRecord, compiled: CompiledStep, failure: StoredFailure, unknown: boolean, nowMs: number): void {
  stepFailed(step, failure)
  step.unknown = unknown
  record.nextAtMs = 0
  if (compiled.config.onFailure === 'compensate') undoFrom(record, nowMs)
}

function stepFailed(step: StepRecord, failure: StoredFailure): void {
  step.state = 'failed'
  step.failure = failure
}

function isDone(step: StepRecord, output: JsonValue): void {
  settled(step)
  step.state = 'done'
  step.output = output
}

function settled(step: StepRecord): void {
  delete step.failure
  delete step.unknown
  delete step.unanswered
}

/** Takes up what a compensation has come to; `error` where it could not even be made. */
export function afterUndo(
  record: FlowRecord,
  plan: CompiledFlow,
  index: number,
  result: CallResult | TemplateError,
  nowMs: number,
  random: () => number,
): void {
  const step = record.steps[index]
  const config = plan.steps[index]?.config
  if (step === undefined || config === undefined) return
  if (result instanceof Error) {
    step.failure = templateFailure(result)
    leftToPeople(step)
    return
  }
  if (result.type === 'done' || result.type === 'skipped') {
    step.state = 'undone'
    return
  }
  if (result.failure !== undefined) step.failure = result.failure
  // Only a service may change its mind; the engine of operations would say it again, and so would the gateway itself.
  if (result.type === 'failed' && (result.intent !== undefined || result.failure.status === undefined)) {
    step.state = 'not_undone'
    return
  }
  const delayMs = result.type === 'again' ? (result.delayMs ?? 0) : 0
  record.nextAtMs = Math.min(nowMs + Math.max(backoffMs(config.retry, step.undoAttempts, random), delayMs), record.undoUntilMs)
}

/** Takes up what is known of an operation whose outcome was unknown. @param status Undefined: the intent never came to be. */
export function afterAsking(
  record: FlowRecord,
  index: number,
  status: IntentStatus | 'unavailable' | undefined,
  nowMs: number,
  random: () => number,
): void {
  const step = record.steps[index]
  if (step === undefined) return
  if (status === undefined || (status !== 'unavailable' && isWithoutEffect(status))) {
    step.unknown = false
    step.state = 'failed'
  } else if (status !== 'unavailable' && status.state === 'completed') {
    step.output = status.output ?? null
    step.unknown = false
    step.undoAttempts = 0
  } else if (status !== 'unavailable' && (status.state === 'review' || status.state === 'failed')) {
    if (status.failure !== undefined) step.failure = status.failure
    step.state = 'not_undone'
    // Once somebody has settled the intent, it can be asked after again.
    if (status.state === 'failed') step.byHand = true
  } else {
    record.nextAtMs = Math.min(nowMs + backoffMs(askAgain, step.undoAttempts, random), record.undoUntilMs)
  }
}

/** One that is queued has had no attempt whose outcome is unknown, and waits for this flow alone, which does not repeat it any more. */
const isWithoutEffect = ({ state, failure }: IntentStatus): boolean =>
  state === 'skipped' || state === 'queued' || (state === 'failed' && failure?.executed === 'no')

/**
 * Goes on with a flow that waits or is parked. What only a person could undo counts as undone now: somebody has seen to it.
 * @returns False when it has ended well.
 */
export function taken(record: FlowRecord, nowMs: number): boolean {
  if (record.state === 'completed' || record.state === 'compensated') return false
  record.nextAtMs = 0
  if (record.state !== 'review') return true
  undoFrom(record, nowMs)
  for (const step of record.steps) {
    if (step.state !== 'not_undone') continue
    if (step.byHand === true) {
      step.state = 'undone'
      delete step.byHand
    } else {
      step.state = 'undoing'
      step.undoAttempts = 0
    }
  }
  return true
}
