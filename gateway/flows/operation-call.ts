import type { JsonValue } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { OperationResult, Operations } from '../integrations/operation.ts'
import type { CallResult } from './call-result.ts'
import { failureOf } from './call-result.ts'

/** How often an intent is looked at that the engine goes on with by itself. */
const lookAgainMs = 5000

export interface OperationCall {
  readonly integration: string
  readonly operation: string
  readonly input: JsonValue
  /** Names the intent: the same for each repetition. */
  readonly key: string
  /** Name of the flow. */
  readonly scope: string
  readonly traceparent: string
  readonly timeoutMs: number
  /** For how long the intent has to be remembered after its end, where that is longer than usual: a repetition must find its answer. */
  readonly ttlMs: number | undefined
  readonly signal: AbortSignal
}

export interface OperationCallDeps {
  readonly operations: Operations
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** One attempt of an operation; what became of it is asked for with the same key. Never rejects. */
export async function operationCall(call: OperationCall, { operations, now }: OperationCallDeps): Promise<CallResult> {
  const { integration, operation, input, key, scope, traceparent, timeoutMs, ttlMs, signal } = call
  try {
    const deadlineAtMs = now() + timeoutMs
    const request = { integration, operation, input, key, scope, from: 'step', deadlineAtMs, signal, trace: { traceparent } } as const
    return resultOf(await operations.execute(ttlMs === undefined ? request : { ...request, ttlMs }))
  } catch (error) {
    return failed(error)
  }
}

function resultOf(result: OperationResult): CallResult {
  const intent = result.id
  switch (result.type) {
    case 'completed':
      return { type: 'done', output: result.output, intent }
    case 'skipped':
      return { type: 'skipped', intent }
    case 'failed':
      return { type: 'failed', failure: result.failure, ...(result.tell && { tell: result.tell }), intent }
    case 'pending':
      // The engine goes on with it, or a person has to: either way its end is found by its key.
      return {
        type: 'again',
        failure: failureOf('in_progress', 'unknown', 'The outcome is not known yet.'),
        delayMs: result.retryAfterMs ?? lookAgainMs,
        counted: false,
        unanswered: true,
        intent,
      }
    case 'wait': {
      const { failure, delayMs, counted } = result
      return { type: 'again', failure, delayMs, counted, unanswered: failure !== undefined && failure.executed !== 'no', intent }
    }
  }
}

function failed(error: unknown): CallResult {
  const code = error instanceof GatewayError ? error.code : undefined
  const message = error instanceof GatewayError ? error.message : 'The integration failed in a way that nobody foresaw.'
  switch (code) {
    case 'OPERATION_INPUT_INVALID':
    case 'IDEMPOTENCY_KEY_MISSING':
      return { type: 'failed', failure: failureOf('invalid_request', 'no', message) }
    case 'IDEMPOTENCY_CONFLICT':
      return { type: 'failed', failure: failureOf('key_conflict', 'unknown', message) }
    case 'IDEMPOTENCY_IN_PROGRESS':
      return { type: 'again', failure: failureOf('in_progress', 'unknown', message), delayMs: 1000, counted: false, unanswered: true }
    case 'STATE_UNAVAILABLE':
      return { type: 'again', failure: failureOf('internal', 'unknown', message), counted: false, unanswered: true }
    default:
      return { type: 'again', failure: failureOf('internal', 'unknown', message), counted: true, unanswered: false }
  }
}
