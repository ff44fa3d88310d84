import type { TemplateError } from '../../config/templates/template.ts'
import type { IntentStatus } from '../integrations/operation.ts'
import { backoffMs } from '../policies/backoff.ts'
import type { CallResult } from './call-result.ts'
import { failureOf } from './call-result.ts'
import type { CompiledFlow } from './compiled-flow.ts'
import type { FlowRecord } from './flow-record.ts'
import { afterFailure, isDone, leftToPeople, settled, templateFailure, undoFrom } from './step-changes.ts'

const askAgain = { baseDelayMs: 1000, maxDelayMs: 60_000 }

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
      afterFailure(record, step, compiled, { failure: result.failure, unknown: result.failure.executed !== 'no', tell: result.tell }, nowMs)
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
        const end = { failure: failure ?? failureOf('internal', 'no', 'It did not work.'), unknown: step.unknown === true }
        afterFailure(record, step, compiled, end, nowMs)
        return
      }
      const backoff = backoffMs(retry, step.attempts, random)
      record.nextAtMs = Math.min(nowMs + Math.max(backoff, delayMs ?? 0), record.deadlineAtMs)
    }
  }
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
