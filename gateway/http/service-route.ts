import type { RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { ErrorType, Metrics } from '../observe/metrics.ts'
import type { Handler } from '../pipe.ts'
import type { Service } from '../services/service.ts'
import { declaredBody } from './body-intake.ts'
import { answerFrom, answerProblem, answerShort } from './client-answer.ts'
import { cors, corsHeaderNames } from './cors.ts'
import type { Cors } from './cors.ts'
import type { Exchange } from './exchange.ts'
import { headerEditor } from './header-edits.ts'
import { pathRewrite } from './path-rewrite.ts'
import { replayBytes } from './request-body.ts'
import { responseHeaders } from './response-headers.ts'
import type { Route } from './route.ts'
import { tunnel } from './tunnel.ts'
import type { UpgradeRequest } from './tunnel.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'

/** One service that a rule may send a request to, with the pipe that leads there. */
export interface Branch {
  readonly service: Service
  readonly pipe: Handler<Exchange, UpstreamAnswer>
}

export interface ServiceRouteDeps {
  readonly metrics: Metrics
  now(): number
  /** Picks the branch of one request. */
  choose(): Branch
  readonly branches: readonly Branch[]
  readonly mirror: ((exchange: Exchange) => void) | undefined
  /** Told of failures that are the gateway's own. */
  onInternalError(error: unknown, exchange: Exchange): void
}

/** A rule whose target is one service, or several by weight. */
export function serviceRoute(config: RouteConfig, deps: ServiceRouteDeps): Route {
  const prepare = requestPreparation(config, deps.now)
  const rules = config.cors === undefined ? undefined : cors(config.cors)
  const answerHeaders = answerHeaderPreparation(config, rules)
  const count = serviceCounter(config, deps)

  const deliver = (exchange: Exchange, answer: UpstreamAnswer, upgrade: UpgradeRequest | undefined): void => {
    exchange.answeredAfterMs = deps.now() - exchange.startedAtMs
    if (answer.socket !== undefined && upgrade !== undefined) {
      tunnel(upgrade, exchange.res, answer.socket, answer.headers, config.idleTimeoutMs, (bytes) => {
        exchange.bytesOut = bytes
      })
      return
    }
    answerFrom(exchange, answer, answerHeaders(exchange, answer))
  }

  const fail = (exchange: Exchange, error: unknown): void => {
    const known = error instanceof GatewayError ? error : new GatewayError('INTERNAL', { cause: error })
    if (known.code === 'INTERNAL') {
      deps.onInternalError(error, exchange)
      exchange.cancel(known)
    }
    exchange.answeredAfterMs = deps.now() - exchange.startedAtMs
    if (known.code === 'CLIENT_GONE') exchange.res.destroy()
    // Scripts must be able to read why a call failed, so the problem carries the CORS headers too.
    else answerProblem(exchange, known, rules?.headers(exchange.req.headers.origin))
  }

  return {
    config,
    handle: async (exchange, upgrade) => {
      try {
        const granted = rules?.preflight(exchange.method, exchange.req.headers)
        if (granted !== undefined) {
          answerShort(exchange, 204, granted, '')
          return
        }
        const branch = deps.choose()
        exchange.service = branch.service
        const ahead = prepare(exchange)
        if (ahead !== undefined) await ahead
        // The time that a client took to send its body is its own.
        if (config.deadlineMs !== Infinity) exchange.deadlineAtMs = deps.now() + config.deadlineMs
        deps.mirror?.(exchange)
        deliver(exchange, await branch.pipe(exchange, exchange), upgrade)
      } catch (error) {
        fail(exchange, error)
      }
    },
    finished: count,
  }
}

/** Compiles what happens to a request before its first attempt. */
function requestPreparation(config: RouteConfig, now: () => number): (exchange: Exchange) => Promise<void> | undefined {
  const rewrite = pathRewrite(config.rewrite, config.match)
  const stripped = config.rewrite !== undefined && 'stripPrefix' in config.rewrite ? config.rewrite.stripPrefix : undefined
  const edit = headerEditor(config.requestHeaders, 2)
  const readsAhead = config.retry !== undefined || config.mirror !== undefined
  return (exchange) => {
    exchange.upstreamPath = (rewrite === undefined ? exchange.path : rewrite(exchange.path)) + exchange.query
    if (stripped !== undefined) exchange.upstreamHeaders.push('x-forwarded-prefix', stripped)
    if (edit !== undefined) exchange.upstreamHeaders = edit(exchange.upstreamHeaders)
    return prepareBody(exchange, config.maxBodyBytes, readsAhead, now)
  }
}

function prepareBody(exchange: Exchange, maxBodyBytes: number, readsAhead: boolean, now: () => number): Promise<void> | undefined {
  const declared = declaredBody(exchange, maxBodyBytes, now)
  if (declared === undefined) return undefined
  exchange.body = declared.body
  // A client that waits for `100 Continue` is not told to go on before the service can be reached.
  return readsAhead && !declared.expectsContinue && declared.bytes <= replayBytes ? declared.body.readAhead() : undefined
}

/** Compiles what happens to the headers of an answer on their way to the client. */
function answerHeaderPreparation(config: RouteConfig, rules: Cors | undefined): (exchange: Exchange, answer: UpstreamAnswer) => string[] {
  const edit = headerEditor(config.responseHeaders)
  const dropCors = rules === undefined ? undefined : headerEditor({ set: [], add: [], remove: corsHeaderNames })
  return (exchange, answer) => {
    let headers = responseHeaders(answer.headers)
    if (rules !== undefined && dropCors !== undefined) headers = [...dropCors(headers), ...rules.headers(exchange.req.headers.origin)]
    return edit === undefined ? headers : edit(headers)
  }
}

function serviceCounter(config: RouteConfig, { metrics, branches }: ServiceRouteDeps): Route['finished'] {
  const requests = metrics.requests(config.name)
  const series = new Map(
    branches.map(({ service }) => [service, { latency: metrics.latency(service.name, config.match.path), errors: metrics.errors(service.name) }]),
  )
  return (exchange, status) => {
    requests.count(exchange.method, status)
    const of = exchange.service === undefined ? undefined : series.get(exchange.service)
    if (of === undefined) return
    if (exchange.answeredAfterMs >= 0) of.latency.observe(status, exchange.answeredAfterMs)
    if (exchange.errorCode !== undefined) of.errors.count(exchange.errorCode.toLowerCase() as ErrorType)
    else if (status >= 500) of.errors.count('http_5xx')
  }
}
