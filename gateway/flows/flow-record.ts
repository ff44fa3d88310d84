import { createHash, randomBytes } from 'node:crypto'
import type { FlowConfig, JsonValue } from '../../config/model.ts'
import { canonicalJson } from '../integrations/intent.ts'
import type { StoredFailure } from '../integrations/operation.ts'
import type { FlowCause, FlowState, FlowStatus, StepState } from './flows.ts'

/** Kind of records of flows. */
export const flowKind = 'flow'

/** A flow as it is stored: everything that another process needs to go on with it. */
export interface FlowRecord {
  readonly id: string
  readonly flow: string
  readonly scope: string
  /** Of the input: the same key may not stand for another one. */
  readonly digest: string
  readonly input: JsonValue
  /** As it was when the flow began: a reload changes nothing for those that are under way. */
  readonly definition: FlowConfig
  /** SHA-256 of `definition`. */
  readonly definitionHash: string
  readonly traceparent: string
  readonly createdAtMs: number
  /** `Infinity` for none. */
  readonly deadlineAtMs: number
  updatedAtMs: number
  state: FlowState
  output?: JsonValue
  cause?: FlowCause
  readonly steps: StepRecord[]
  /** The next attempt is not made before; 0 where none is waited for. */
  nextAtMs: number
  /** Until when compensations are tried. */
  undoUntilMs: number
  /** A call may have been sent whose end is not in this record. */
  calling: boolean
  /** Who works on it, or did so last; another one each time it is taken. */
  owner: string
}

export interface StepRecord {
  readonly name: string
  state: StepState
  /** Of the call itself; those of its compensation are counted apart. */
  attempts: number
  undoAttempts: number
  /** Attempts that count against `retry.max_attempts`. */
  misses: number
  output?: JsonValue
  failure?: StoredFailure
  /** An attempt may have had an effect although the step is not done. */
  unknown?: boolean
  /** The last word about an attempt is missing: it is repeated until the deadline. */
  unanswered?: boolean
  /** Of an operation. */
  intent?: string
  /** Only a person can undo it. */
  byHand?: boolean
}

/** Names the flow: the same for the same key of the same caller, another one where there is no key. */
export function flowId(flow: string, scope: string, key: string | undefined): string {
  const digest = key === undefined ? randomBytes(32).toString('hex') : sha256(JSON.stringify([flow, scope, key]))
  return `flow_${digest}`.slice(0, 40)
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Equal for inputs that are equal as JSON, whatever the order of their keys. */
export const digestOf = (value: JsonValue): string => sha256(canonicalJson(value))

/** JSON knows no infinity: `null` stands for it where a time is meant. */
export const encoded = (record: FlowRecord): string => JSON.stringify({ format: 1, ...record })

/** @throws Error where the text is no flow of a format that is known here. */
export function decoded(text: string): FlowRecord {
  const value = JSON.parse(text) as FlowRecord & { readonly format?: number }
  if (value.format !== 1) throw new Error('the flow is stored in a format that is not known here')
  const { format: _format, definition, ...rest } = value
  return {
    ...rest,
    deadlineAtMs: unlimited(rest.deadlineAtMs),
    undoUntilMs: unlimited(rest.undoUntilMs),
    definition: {
      ...definition,
      deadlineMs: unlimited(definition.deadlineMs),
      waitMs: unlimited(definition.waitMs),
      keepMs: unlimited(definition.keepMs),
      steps: definition.steps.map((step) => ({
        ...step,
        timeoutMs: unlimited(step.timeoutMs),
        retry: { ...step.retry, baseDelayMs: unlimited(step.retry.baseDelayMs), maxDelayMs: unlimited(step.retry.maxDelayMs) },
      })),
    },
  }
}

const unlimited = (ms: number | null): number => ms ?? Infinity

/** When a flow may be forgotten: never before a person has seen to what waits for review. */
export const expiryOf = ({ state, definition }: FlowRecord, nowMs: number): number =>
  state === 'completed' || state === 'compensated' ? nowMs + definition.keepMs : Infinity

export const hasEnded = (state: FlowState): boolean => state === 'completed' || state === 'compensated' || state === 'review'

/** What callers and people may see. */
export const statusOf = (record: FlowRecord): FlowStatus => ({
  id: record.id,
  flow: record.flow,
  state: record.state,
  createdAtMs: record.createdAtMs,
  updatedAtMs: record.updatedAtMs,
  input: record.input,
  output: record.output,
  cause: record.cause,
  steps: record.steps.map(({ name, state, attempts, undoAttempts, output, failure }) => ({
    name,
    state,
    attempts: attempts + undoAttempts,
    output,
    failure,
  })),
})
