import type { OperationTarget, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { statusOfKind } from '../integrations/failure.ts'
import type { IntentState, OperationResult, Operations } from '../integrations/operation.ts'
import { traceparent } from '../observe/trace.ts'
import { told } from './accept-language.ts'
import type { Exchange } from './exchange.ts'
import { idempotencyKey } from './idempotency-key.ts'
import { keyScope } from './key-scope.ts'
import { doneAnswer, failedAnswer, pendingAnswer } from './operation-answer.ts'
import { operationInput } from './operation-input.ts'
import { checkMethod, ownRoute } from './own-route.ts'
import type { OwnAnswer, OwnRouteDeps } from './own-route.ts'
import { preferences } from './prefer.ts'
import type { Preferences } from './prefer.ts'
import type { Route } from './route.ts'
import type { StatusWait } from './status-wait.ts'

export interface OperationRouteDeps extends OwnRouteDeps {
  readonly operations: Pick<Operations, 'execute' | 'status'>
  readonly statusPath: string
  readonly wait: StatusWait
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** A rule that calls an operation of a provider, and tells the caller what came of it as its failure modes say. */
export function operationRoute(config: RouteConfig, target: OperationTarget, deps: OperationRouteDeps): Route {
  const inputOf = operationInput(config, target.request, deps.now)
  const done = doneAnswer(target.response)
  const { header, required, ttlMs } = target.idempotency
  const scope = keyScope(config.match)

  const answerOf = (exchange: Exchange, input: Parameters<typeof done>[0]['input'], result: OperationResult, more: readonly string[]): OwnAnswer => {
    const text = 'tell' in result ? told(result.tell, exchange.req.headers['accept-language']) : undefined
    const replayed = 'replayed' in result && result.replayed ? [...more, 'idempotent-replayed', 'true'] : more
    switch (result.type) {
      case 'completed':
        return done({ input, output: result.output }, replayed)
      case 'pending':
        return pendingAnswer({ ...result, state: 'processing' }, deps.statusPath, text, replayed)
      case 'skipped':
        return {
          status: result.status,
          headers: ['content-type', 'application/json', 'cache-control', 'no-store', ...(text?.headers ?? []), ...replayed],
          body: JSON.stringify({ id: result.id, status: 'skipped', ...(text && { message: text.text }) }),
        }
      case 'failed':
        exchange.errorCode = 'OPERATION_FAILED'
        return failedAnswer({ ...result, code: 'OPERATION_FAILED', traceId: exchange.trace.traceId }, deps.statusPath, text, replayed)
      case 'wait':
        throw new GatewayError('INTERNAL', { detail: 'The operation did not come to a decision.' })
    }
  }

  /** Who is ready to wait for what goes on by itself gets its end, as far as it comes in time. */
  const later = async (exchange: Exchange, result: OperationResult, prefer: Preferences): Promise<OperationResult> => {
    if (result.type !== 'pending' || prefer.waitMs === 0) return result
    const ended = await deps.wait.until(exchange, prefer.waitMs, async () => {
      const status = await deps.operations.status(result.id)
      return status !== undefined && endedStates.has(status.state) ? status : undefined
    })
    if (ended?.state === 'completed' && ended.output !== undefined) {
      return { type: 'completed', id: result.id, output: ended.output, replayed: result.replayed, by: ended.integration }
    }
    if (ended?.state === 'failed' && ended.failure !== undefined) {
      const { failure, mode, tell, status = statusOfKind(failure.kind) } = { ...ended, failure: ended.failure }
      return { type: 'failed', id: result.id, failure, mode, tell, status, replayed: result.replayed }
    }
    return result
  }

  return ownRoute(config, deps, async (exchange) => {
    checkMethod(config, exchange.method)
    const key = idempotencyKey(header, exchange.req.headers[header], false)
    if (key === undefined && required) {
      throw new GatewayError('IDEMPOTENCY_KEY_MISSING', { detail: `Send the header ${header}, with a new value for each intent.` })
    }
    const prefer = preferences(exchange.req.headers['prefer'])
    const input = await inputOf(exchange, key)
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    exchange.res.once('close', onClose)
    try {
      const result = await deps.operations.execute({
        integration: target.integration,
        operation: target.operation,
        input,
        key,
        scope,
        from: 'door',
        ttlMs,
        deadlineAtMs: exchange.startedAtMs + config.deadlineMs,
        signal: gone.signal,
        trace: { traceparent: traceparent(exchange.trace) },
      })
      return answerOf(exchange, input, await later(exchange, result, prefer), prefer.waitMs === 0 ? [] : prefer.applied)
    } finally {
      exchange.res.off('close', onClose)
    }
  })
}

const endedStates: ReadonlySet<IntentState> = new Set<IntentState>(['completed', 'failed', 'skipped', 'review'])
