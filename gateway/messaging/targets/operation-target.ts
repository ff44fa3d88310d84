import type { JsonTemplate, JsonValue } from '../../../config/model.ts'
import { compileTemplate } from '../../../config/templates/template.ts'
import { GatewayError } from '../../errors.ts'
import type { Flows } from '../../flows/flows.ts'
import { intentHeader } from '../../integrations/operation.ts'
import type { OperationResult, Operations } from '../../integrations/operation.ts'
import { traceparent } from '../../observe/trace.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import { jobHeader } from '../message.ts'
import type { Message } from '../message.ts'
import { cuttable } from './cuttable.ts'
import { taken } from './target.ts'
import type { Target, TargetAnswer } from './target.ts'

/** Names that the template of a message may use. */
const variables = ['body', 'headers', 'id', 'key'] as const

/** How long a message stays away whose intent somebody else works on, or whose store is away. */
const busyMs = 1000
const storeAwayMs = 5000

export interface OperationTargetSettings {
  readonly integration: string
  readonly operation: string
  readonly request?: JsonTemplate
}

/**
 * Does what the message asks for, as one intent: its idempotency key, or its id, names it, so that a repeated delivery repeats nothing. A
 * message that a failure mode made goes on with the intent of then.
 * @throws {GatewayError} OPERATION_FAILED, OPERATION_INPUT_INVALID, IDEMPOTENCY_CONFLICT: it will never work.
 */
export function operationTarget(queue: string, target: OperationTargetSettings, operations: Operations): Target {
  const inputOf = messageInput(target.request)
  const execute = (call: DeliveryCall): Promise<OperationResult> => {
    const { message } = call.delivery
    return operations.execute({
      integration: target.integration,
      operation: target.operation,
      input: inputOf(message),
      key: keyOf(message),
      scope: `queue ${queue}`,
      from: 'delivery',
      deadlineAtMs: Infinity,
      trace: { traceparent: traceparent(call.trace) },
    })
  }
  return patient(async (call) => {
    const intent = call.delivery.message.headers[intentHeader]
    const result = intent === undefined ? await execute(call) : await operations.resume(intent, 'delivery')
    if (result === undefined) throw new GatewayError('OPERATION_FAILED', { detail: 'Nothing is known any more of the intent of this message' })
    return answerOf(result, call.delivery.message)
  })
}

/** Begins a flow; the message has had its effect once the flow is stored. */
export function flowTarget(queue: string, target: { readonly flow: string; readonly request?: JsonTemplate }, flows: Flows): Target {
  const inputOf = messageInput(target.request)
  return patient(async (call) => {
    const { message } = call.delivery
    const request = { flow: target.flow, input: inputOf(message), key: keyOf(message), scope: `queue ${queue}`, traceparent: traceparent(call.trace) }
    await flows.start(request)
    return taken
  })
}

const keyOf = ({ headers, id }: Message): string => headers['idempotency-key'] ?? id

function messageInput(template: JsonTemplate | undefined): (message: Message) => JsonValue {
  const fill = template === undefined ? undefined : compileTemplate(template, variables)
  return (message) => {
    const body = jsonOf(message)
    if (fill === undefined) return body
    try {
      return fill({ body, headers: message.headers, id: message.id, key: keyOf(message) })
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'The message does not fit the template'
      throw new GatewayError('OPERATION_INPUT_INVALID', { detail, cause: error })
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function jsonOf({ body }: Message): JsonValue {
  try {
    return JSON.parse(utf8.decode(body)) as JsonValue
  } catch {
    throw new GatewayError('OPERATION_INPUT_INVALID', { detail: 'The message is not JSON' })
  }
}

function answerOf(result: OperationResult, message: Message): TargetAnswer {
  switch (result.type) {
    case 'completed': {
      const wanted = message.headers[jobHeader] !== undefined
      return { ...taken, status: 200, contentType: 'application/json', body: wanted ? Buffer.from(JSON.stringify(result.output)) : undefined }
    }
    case 'pending':
    case 'skipped':
      return taken
    case 'failed':
      throw new GatewayError('OPERATION_FAILED', { detail: `${result.failure.kind}: ${result.failure.message}` })
    case 'wait': {
      if (!result.counted) return { ...taken, postponeMs: result.delayMs }
      const { failure } = result
      const note = { type: failure?.kind ?? 'operation_failed', message: failure?.message ?? 'The operation did not work' }
      return { ...taken, status: 503, failure: note, retryAfter: String(Math.ceil((failure?.retryAfterMs ?? 0) / 1000)) }
    }
  }
}

const patient = (work: (call: DeliveryCall) => Promise<TargetAnswer>): Target => cuttable((call) => work(call).catch(postponed))

/** Neither is the fault of the message: it waits, and no attempt is counted. */
function postponed(error: unknown): TargetAnswer {
  if (error instanceof GatewayError && error.code === 'IDEMPOTENCY_IN_PROGRESS') return { ...taken, postponeMs: busyMs }
  if (error instanceof GatewayError && error.code === 'STATE_UNAVAILABLE') return { ...taken, postponeMs: storeAwayMs }
  throw error
}
