import type { JsonValue } from '../../config/model.ts'
import type { StoredFailure, Tell } from '../integrations/operation.ts'

/** All flows in force. */
export interface Flows {
  /**
   * Stores the flow, or finds it by its key, then begins it. Resolves once it is stored.
   * @throws {GatewayError} OPERATION_INPUT_INVALID, IDEMPOTENCY_CONFLICT, STATE_UNAVAILABLE
   */
  start(request: FlowRequest): Promise<FlowStatus & { readonly replayed: boolean }>
  get(id: string): Promise<FlowStatus | undefined>
  /** Resolves when it has ended, after `ms`, or when `signal` aborts; with the flow as it is then. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<FlowStatus | undefined>
  list(query: { readonly flow?: string; readonly state?: FlowState; readonly cursor?: string; readonly limit: number }): Promise<{
    readonly flows: readonly FlowStatus[]
    readonly cursor: string | undefined
  }>
  /** Goes on at once with one that waits or is parked. @returns False when there is none, or it has ended well. */
  retry(id: string): Promise<boolean>
}

export interface FlowRequest {
  readonly flow: string
  readonly input: JsonValue
  readonly key: string | undefined
  readonly scope: string
  readonly traceparent?: string
}

/**
 * - `running`, `compensating`: under way, or waiting for the next try.
 * - `completed`: every step is done.
 * - `compensated`: a step failed and everything before it is undone.
 * - `review`: something could not be done or undone; a person has to look.
 */
export const flowStates = ['running', 'compensating', 'completed', 'compensated', 'review'] as const

export type FlowState = (typeof flowStates)[number]

export type StepState = 'waiting' | 'started' | 'done' | 'skipped' | 'failed' | 'undoing' | 'undone' | 'not_undone'

/** What a flow has failed of, kept although its step is undone afterwards, or could not be. */
export interface FlowCause {
  readonly step: string
  readonly failure: StoredFailure
  /** As the failure mode says. */
  readonly tell?: Tell
}

export interface FlowStatus {
  readonly id: string
  readonly flow: string
  readonly state: FlowState
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly input: JsonValue
  readonly output: JsonValue | undefined
  /** Of one that did not, or will not, complete. */
  readonly cause?: FlowCause | undefined
  readonly steps: readonly {
    readonly name: string
    readonly state: StepState
    readonly attempts: number
    readonly output: JsonValue | undefined
    readonly failure: StoredFailure | undefined
  }[]
}
