import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Generation } from '../generation.ts'
import type { AccessLog } from '../observe/access-log.ts'
import { unmatchedRoute } from '../observe/metrics.ts'
import type { Metrics } from '../observe/metrics.ts'
import { answerProblem } from './client-answer.ts'
import type { Arrival } from './edge.ts'
import type { Exchange } from './exchange.ts'
import type { Route } from './route.ts'
import type { MatchInput } from './route-table.ts'
import type { UpgradeRequest } from './tunnel.ts'

export interface RequestFlowDeps {
  readonly listener: string
  readonly metrics: Metrics
  readonly accessLog: AccessLog
  /** The generation that serves new requests. */
  current(): Generation
  arrive(req: IncomingMessage, res: ServerResponse, upgrade?: string): Arrival
  now(): number
}

// A client that is told to come back should not do so at once, and not much later either.
const shedRetryAfterSeconds = 1

/** Takes one request from arrival to its log line. */
export function requestFlow(deps: RequestFlowDeps): (req: IncomingMessage, res: ServerResponse, upgrade: UpgradeRequest | undefined) => void {
  const unmatched = deps.metrics.requests(unmatchedRoute)
  const { gauges } = deps.metrics

  const finish = (exchange: Exchange, route: Route | undefined, generation: Generation): void => {
    gauges.requestsInFlight -= 1
    generation.leave()
    const { res } = exchange
    const tunnelled = exchange.answer?.socket !== undefined
    if (!res.writableFinished && !tunnelled) {
      // Cut by us (stalled, or its upstream broke off) or by the client; only the latter is the client's.
      exchange.errorCode ??= exchange.cutBy ?? codeOf(exchange.req.socket.errored) ?? 'CLIENT_GONE'
      exchange.abandon()
    }
    const status = tunnelled ? 101 : exchange.errorCode === 'CLIENT_GONE' ? 499 : res.statusCode
    if (route === undefined) unmatched.count(exchange.method, status)
    else route.finished(exchange, status)
    log(exchange, route, status, generation)
  }

  const log = (exchange: Exchange, route: Route | undefined, status: number, generation: Generation): void => {
    const { accessLog } = generation.config
    if (!accessLog.enabled) return
    const { req } = exchange
    deps.accessLog.write({
      listener: deps.listener,
      method: exchange.method,
      path: exchange.path,
      query: exchange.query === '' ? undefined : exchange.query.slice(1),
      status,
      route: route?.config.name,
      service: exchange.service?.name,
      upstream: exchange.upstream?.origin,
      attempts: exchange.attempts,
      durationMs: deps.now() - exchange.startedAtMs,
      upstreamMs: exchange.answeredAfterMs < 0 ? undefined : exchange.answeredAfterMs,
      bytesOut: exchange.bytesOut,
      client: exchange.client,
      userAgent: req.headers['user-agent'],
      error: exchange.errorCode,
      trace: exchange.trace,
      headers: accessLog.requestHeaders.length === 0 ? undefined : pick(req, accessLog.requestHeaders),
    })
  }

  const refuse = (exchange: Exchange, error: GatewayError, headers?: readonly string[]): void => {
    answerProblem(exchange, error, headers)
  }

  return (req, res, upgrade) => {
    const generation = deps.current()
    const { exchange, refusal } = deps.arrive(req, res, upgrade === undefined ? undefined : 'websocket')
    gauges.requestsInFlight += 1
    generation.enter()
    const input = { method: exchange.method, host: exchange.host, path: exchange.path, query: exchange.query, headers: req.headers }
    const route = refusal === undefined ? findRoute(generation, input) : undefined
    const ended = upgrade === undefined ? res : upgrade.socket
    ended.on('close', () => finish(exchange, route, generation))

    if (refusal !== undefined) refuse(exchange, refusal)
    else if (gauges.requestsInFlight > generation.config.limits.maxRequests) {
      deps.metrics.shed('requests')
      refuse(exchange, new GatewayError('OVERLOADED', { retryAfterSeconds: shedRetryAfterSeconds }))
    } else if (route === undefined) {
      const allowed = generation.allowed(input)
      if (allowed.length === 0) refuse(exchange, new GatewayError('ROUTE_NOT_FOUND'))
      else refuse(exchange, new GatewayError('METHOD_NOT_ALLOWED'), ['allow', allowed.join(', ')])
    } else void route.handle(exchange, upgrade)
  }
}

/** A preflight request asks about another one: the rule of that one answers it, where it has CORS rules. */
function findRoute(generation: Generation, input: MatchInput): Route | undefined {
  const asked = input.method === 'OPTIONS' && input.headers['origin'] !== undefined ? input.headers['access-control-request-method'] : undefined
  const route = typeof asked === 'string' ? generation.find({ ...input, method: asked }) : undefined
  return route?.config.cors === undefined ? generation.find(input) : route
}

const codeOf = (error: Error | null): ErrorCode | undefined => (error instanceof GatewayError ? error.code : undefined)

function pick(req: IncomingMessage, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = req.headers[name]
    if (value !== undefined) picked[name] = String(value)
  }
  return picked
}
