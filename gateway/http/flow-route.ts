import type { FlowConfig, FlowTarget, JsonValue, RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Flows, FlowStatus } from '../flows/flows.ts'
import { traceparent } from '../observe/trace.ts'
import { told } from './accept-language.ts'
import type { Told } from './accept-language.ts'
import type { Exchange } from './exchange.ts'
import { idempotencyKey } from './idempotency-key.ts'
import { keyScope } from './key-scope.ts'
import { doneAnswer, failedAnswer, pendingAnswer } from './operation-answer.ts'
import { operationInput } from './operation-input.ts'
import { checkMethod, ownRoute } from './own-route.ts'
import type { OwnAnswer, OwnRouteDeps } from './own-route.ts'
import { preferences } from './prefer.ts'
import type { Route } from './route.ts'
import type { StatusWait } from './status-wait.ts'

export interface FlowRouteDeps extends OwnRouteDeps {
  readonly flows: Pick<Flows, 'start' | 'wait'>
  readonly statusPath: string
  readonly wait: StatusWait
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** What a failed step says of the caller's own request, rather than of the provider. */
const callersFault = new Set(['rejected', 'invalid_request', 'not_found', 'invalid_email', 'blocked_domain'])

/** A rule that begins a flow, and answers when it has ended or the caller has waited long enough. */
export function flowRoute(config: RouteConfig, target: FlowTarget, flow: FlowConfig, deps: FlowRouteDeps): Route {
  const inputOf = operationInput(config, target.request, deps.now)
  const done = doneAnswer(target.response)
  const { header, required } = target.idempotency
  const scope = keyScope(config.match)

  const answerOf = (exchange: Exchange, input: JsonValue, status: FlowStatus, text: Told | undefined, more: readonly string[]): OwnAnswer => {
    switch (status.state) {
      case 'completed':
        return done({ input, output: status.output ?? null }, more)
      case 'compensated': {
        const failure = status.cause?.failure
        exchange.errorCode = 'FLOW_COMPENSATED'
        const known = { code: 'FLOW_COMPENSATED', id: status.id, failure, traceId: exchange.trace.traceId } as const
        // `tell` of the flow is for those who wait: an order that was undone is not on its way.
        const why = told(status.cause?.tell, exchange.req.headers['accept-language'])
        return failedAnswer({ ...known, status: failure !== undefined && callersFault.has(failure.kind) ? 422 : 502 }, deps.statusPath, why, more)
      }
      default:
        return pendingAnswer({ id: status.id, state: 'processing', status: 202, retryAfterMs: undefined }, deps.statusPath, text, more)
    }
  }

  return ownRoute(config, deps, async (exchange) => {
    checkMethod(config, exchange.method)
    const { headers } = exchange.req
    const key = idempotencyKey(header, headers[header], false)
    if (key === undefined && required) {
      throw new GatewayError('IDEMPOTENCY_KEY_MISSING', { detail: `Send the header ${header}, with a new value for each intent.` })
    }
    const input = await inputOf(exchange, key)
    const { replayed, ...begun } = await deps.flows.start({ flow: flow.name, input, key, scope, traceparent: traceparent(exchange.trace) })
    const prefer = preferences(headers['prefer'])
    const later = prefer.applied.some((text) => text.includes('respond-async'))
    const waitMs = prefer.waitMs > 0 ? prefer.waitMs : later ? 0 : flow.waitMs
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    exchange.res.once('close', onClose)
    try {
      const status = hasEnded(begun) || waitMs === 0 ? begun : ((await deps.flows.wait(begun.id, waitMs, gone.signal)) ?? begun)
      const more = [...prefer.applied, ...(replayed ? ['idempotent-replayed', 'true'] : [])]
      return answerOf(exchange, input, status, told(flow.tell, headers['accept-language']), more)
    } finally {
      exchange.res.off('close', onClose)
    }
  })
}

const hasEnded = ({ state }: FlowStatus): boolean => state === 'completed' || state === 'compensated' || state === 'review'
