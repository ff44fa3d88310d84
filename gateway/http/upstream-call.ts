import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { Handler } from '../pipe.ts'
import type { Service } from '../services/service.ts'
import type { Exchange } from './exchange.ts'
import { isIdempotent } from './service-rules.ts'
import { UpstreamAnswer } from './upstream-answer.ts'
import { metClosingConnection } from './upstream-error.ts'

type Resolve = (answer: UpstreamAnswer) => void
type Reject = (error: unknown) => void

/**
 * The innermost stage: one attempt on one address of a service. Resolves with the answer's headers; the body waits.
 *
 * A first attempt that met a kept connection just as the upstream closed it is sent again, once and at once, where the method
 * is idempotent (RFC 9110, section 9.2.2): that is the fate of a connection and no failure of the service.
 * @throws {GatewayError} NO_UPSTREAM, UPSTREAM_BUSY, UPSTREAM_CONNECT_FAILED, UPSTREAM_RESET, UPSTREAM_INVALID_RESPONSE,
 * and whatever `cancel` is called with.
 */
export const upstreamCall =
  (service: Service, idleTimeoutMs: number): Handler<Exchange, UpstreamAnswer> =>
  (exchange) =>
    new Promise((resolve, reject) => {
      send(service, idleTimeoutMs, exchange, resolve, (error) => {
        if (!maySendAgain(exchange, error)) reject(error)
        // undici is still busy with the connection that it has lost.
        else queueMicrotask(() => sendAgain(service, idleTimeoutMs, exchange, resolve, reject))
      })
    })

const maySendAgain = (exchange: Exchange, error: unknown): boolean =>
  exchange.attempts === 1 && !exchange.aborted && metClosingConnection(error) && isIdempotent(exchange.method) && exchange.body?.replayable !== false

function sendAgain(service: Service, idleTimeoutMs: number, exchange: Exchange, resolve: Resolve, reject: Reject): void {
  try {
    send(service, idleTimeoutMs, exchange, resolve, reject)
  } catch (error) {
    reject(error)
  }
}

function send(service: Service, idleTimeoutMs: number, exchange: Exchange, resolve: Resolve, reject: Reject): void {
  if (exchange.aborted) throw new GatewayError('CLIENT_GONE')
  exchange.attempts += 1
  exchange.sent = false
  const upstream = service.pick(exchange.upstream)
  exchange.upstream = upstream
  const headers = exchange.upstreamHeaders
  headers[1] = service.config.hostHeader === 'client' ? exchange.authority : upstream.authority
  const answer = new UpstreamAnswer(upstream, exchange, resolve, reject)
  exchange.answer = answer
  const body = exchange.body?.open() ?? null
  if (body instanceof Readable) answer.body = body
  upstream.dispatcher.dispatch(
    {
      path: exchange.upstreamPath,
      method: exchange.method,
      headers,
      body,
      headersTimeout: 0,
      bodyTimeout: idleTimeoutMs,
      upgrade: exchange.upgrade ?? null,
    },
    answer,
  )
}
