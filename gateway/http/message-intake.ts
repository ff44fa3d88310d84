import type { RouteConfig, TracingConfig } from '../../config/model.ts'
import { messageId } from '../messaging/jobs/message-id.ts'
import type { Message } from '../messaging/message.ts'
import { wholeBody } from './body-intake.ts'
import type { Exchange } from './exchange.ts'
import { messageHeaders } from './message-headers.ts'

/** @throws {GatewayError} BODY_TOO_LARGE, CLIENT_GONE: then there is no message at all. */
export type MessageIntake = (exchange: Exchange) => Promise<Message>

export interface MessageIntakeDeps {
  readonly tracing: TracingConfig
  /** Milliseconds on a monotonic clock. */
  now(): number
  /** Milliseconds since the epoch. */
  epochNow(): number
}

/**
 * Compiles what of a request becomes a message: the whole body, and the headers that belong to it.
 * @param also Names of further headers, in lower case.
 */
export function messageIntake(config: RouteConfig, also: readonly string[], deps: MessageIntakeDeps): MessageIntake {
  const headersOf = messageHeaders(config.requestHeaders, also, deps.tracing)
  return async (exchange) => {
    const body = await wholeBody(exchange, config.maxBodyBytes, deps.now)
    const { 'content-type': contentType, ...headers } = headersOf(exchange)
    const publishedAtMs = deps.epochNow()
    return { id: messageId(publishedAtMs), body, contentType, headers, key: undefined, publishedAtMs }
  }
}
