import type { JsonValue } from '../../config/model.ts'
import { TemplateError } from '../../config/templates/template.ts'
import type { StoredFailure, Tell } from '../integrations/operation.ts'
import { failureOf } from './call-result.ts'
import type { CompiledStep } from './compiled-flow.ts'
import type { FlowRecord, StepRecord } from './flow-record.ts'

/** Only a person can undo it. */
export function leftToPeople(step: StepRecord): void {
  step.state = 'not_undone'
  step.byHand = true
}

/** The flow has failed of this step: from now on what is done is undone. */
export function brokenBy({ name }: StepRecord, failure: StoredFailure, tell: Tell | undefined, record: FlowRecord, nowMs: number): void {
  record.cause = { step: name, failure, ...(tell && { tell }) }
  undoFrom(record, nowMs)
}

/** From now on what is done is undone. */
export function undoFrom(record: FlowRecord, nowMs: number): void {
  const { deadlineMs } = record.definition
  record.state = 'compensating'
  record.nextAtMs = 0
  record.undoUntilMs = Math.max(record.createdAtMs + 2 * deadlineMs, nowMs + deadlineMs)
}

/** A step that cannot be called because its templates do not fit what is there. */
export const templateFailure = (error: unknown): StoredFailure =>
  failureOf('invalid_request', 'no', error instanceof TemplateError ? error.message.slice(0, 500) : 'The request cannot be made from what is there.')

export interface StepEnd {
  readonly failure: StoredFailure
  /** Whether it may have had an effect nevertheless. */
  readonly unknown: boolean
  readonly tell?: Tell | undefined
}

export function afterFailure(record: FlowRecord, step: StepRecord, compiled: CompiledStep, { failure, unknown, tell }: StepEnd, nowMs: number): void {
  stepFailed(step, failure)
  step.unknown = unknown
  record.nextAtMs = 0
  if (compiled.config.onFailure === 'compensate') brokenBy(step, failure, tell, record, nowMs)
}

export function stepFailed(step: StepRecord, failure: StoredFailure): void {
  step.state = 'failed'
  step.failure = failure
}

export function isDone(step: StepRecord, output: JsonValue): void {
  settled(step)
  step.state = 'done'
  step.output = output
}

export function settled(step: StepRecord): void {
  delete step.failure
  delete step.unknown
  delete step.unanswered
}
