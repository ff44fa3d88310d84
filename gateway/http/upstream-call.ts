import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import type { Handler } from '../pipe.ts'
import type { Service } from '../services/service.ts'
import type { Exchange } from './exchange.ts'
import { UpstreamAnswer } from './upstream-answer.ts'

/**
 * The innermost stage: one attempt on one address of a service. Resolves with the answer's headers; the body waits.
 * @throws {GatewayError} NO_UPSTREAM, UPSTREAM_BUSY, UPSTREAM_CONNECT_FAILED, UPSTREAM_RESET, UPSTREAM_INVALID_RESPONSE,
 * and whatever `cancel` is called with.
 */
export const upstreamCall =
  (service: Service, idleTimeoutMs: number): Handler<Exchange, UpstreamAnswer> =>
  (exchange) =>
    new Promise((resolve, reject) => {
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
    })
