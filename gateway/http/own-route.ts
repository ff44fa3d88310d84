import type { RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Metrics } from '../observe/metrics.ts'
import { answerProblem, answerShort } from './client-answer.ts'
import { cors } from './cors.ts'
import type { Exchange } from './exchange.ts'
import { headerEditor } from './header-edits.ts'
import type { Route } from './route.ts'

/** An answer that the gateway gives itself. */
export interface OwnAnswer {
  readonly status: number
  /** Name in lower case, value, ... */
  readonly headers: readonly string[]
  readonly body: string
}

export interface OwnRouteDeps {
  readonly metrics: Metrics
  /** Told of failures that are the gateway's own. */
  onInternalError(error: unknown, exchange: Exchange): void
}

/** A rule whose requests end in the gateway: `answer` does the work, all around it is as with every other rule. */
export function ownRoute(config: RouteConfig, deps: OwnRouteDeps, answer: (exchange: Exchange) => Promise<OwnAnswer>): Route {
  const rules = config.cors === undefined ? undefined : cors(config.cors)
  const edit = headerEditor(config.responseHeaders)
  const requests = deps.metrics.requests(config.name)

  const fail = (exchange: Exchange, error: unknown): void => {
    const known = error instanceof GatewayError ? withRetryAfter(error) : new GatewayError('INTERNAL', { cause: error })
    if (known.code === 'INTERNAL') deps.onInternalError(error, exchange)
    if (known.code === 'CLIENT_GONE' || exchange.res.destroyed) exchange.res.destroy()
    else answerProblem(exchange, known, [...allowedMethods(config, known), ...(rules?.headers(exchange.req.headers.origin) ?? [])])
  }

  return {
    config,
    handle: async (exchange) => {
      try {
        const granted = rules?.preflight(exchange.method, exchange.req.headers)
        if (granted !== undefined) {
          answerShort(exchange, 204, granted, '')
          return
        }
        const { status, headers, body } = await answer(exchange)
        // Nobody is left to read it.
        if (exchange.res.destroyed) return
        const all = rules === undefined ? [...headers] : [...headers, ...rules.headers(exchange.req.headers.origin)]
        answerShort(exchange, status, edit === undefined ? all : edit(all), body)
      } catch (error) {
        fail(exchange, error)
      }
    },
    finished: (exchange, status) => requests.count(exchange.method, status),
  }
}

/** Methods that may bring a message where a rule names none; the others promise to change nothing (RFC 9110, section 9.2.1). */
const unsafeMethods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

/** @throws {GatewayError} METHOD_NOT_ALLOWED for a safe method that the rule does not name. */
export function checkMethod(config: RouteConfig, method: string): void {
  if (config.match.methods.length > 0 || unsafeMethods.some((one) => one === method)) return
  throw new GatewayError('METHOD_NOT_ALLOWED')
}

const allowedMethods = (config: RouteConfig, { code }: GatewayError): readonly string[] =>
  code === 'METHOD_NOT_ALLOWED' ? ['allow', (config.match.methods.length > 0 ? config.match.methods : unsafeMethods).join(', ')] : []

/** When a client comes back that was refused for want of a place to store its request. */
const unavailableRetryAfterSeconds = 5

function withRetryAfter(error: GatewayError): GatewayError {
  if (error.status !== 503 || error.retryAfterSeconds !== undefined) return error
  const detail = error.detail === undefined ? {} : { detail: error.detail }
  return new GatewayError(error.code, { ...detail, retryAfterSeconds: unavailableRetryAfterSeconds, cause: error })
}
