import type { TracingConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import { hopByHop } from '../../http/hop-by-hop.ts'
import { traceparent } from '../../observe/trace.ts'
import type { IdSource } from '../../observe/trace-ids.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import type { Message } from '../message.ts'

/** A message with more headers cannot be handed to an HTTP server: common ones refuse more than 8 to 16 KB, all of them 64. */
export const maxHeaders = 256
export const maxHeaderBytes = 32 * 1024

const namePattern = /^[!#$%&'*+.^`|~0-9a-z-]+$/
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/

/** What the gateway or the connection states itself, and what services trust only from a proxy. */
const ownNames = [...hopByHop, 'host', 'content-length', 'content-type', 'expect', 'http2-settings', 'idempotency-key', 'traceparent', 'tracestate']
const trustedNames = ['forwarded', 'x-real-ip', 'x-original-url', 'x-rewrite-url']

export interface DeliveryHeadersDeps {
  readonly tracing: TracingConfig
  readonly ids: IdSource
  /** Milliseconds since the epoch. */
  epochNow(): number
}

/**
 * Compiles the headers of the attempt that is about to begin: name in lower case, value, name, value.
 * @param timeoutMs Of one attempt; `Infinity` for none.
 * @throws {GatewayError} HEADERS_TOO_LARGE when the message has more than a server would take.
 */
export function deliveryHeaders(queue: string, timeoutMs: number, deps: DeliveryHeadersDeps): (call: DeliveryCall) => string[] {
  const names = deps.tracing.headers
  const kept = new Set([...ownNames, ...trustedNames, names.traceId, names.parentSpanId, names.spanId, names.sampled])
  // Names with an underscore are left out as on the way through a route: servers behind CGI cannot tell them from names with a hyphen.
  const passes = (name: string): boolean =>
    namePattern.test(name) && !name.includes('_') && !kept.has(name) && !name.startsWith('x-forwarded-') && !name.startsWith('headgate-')

  const addTrace = (headers: string[], { trace }: DeliveryCall): void => {
    const spanId = deps.ids.spanId()
    headers.push('traceparent', traceparent({ ...trace, spanId }), names.traceId, trace.traceId, names.spanId, spanId)
    if (trace.parentSpanId !== undefined) headers.push(names.parentSpanId, trace.parentSpanId)
    headers.push(names.sampled, trace.sampled ? 'true' : 'false')
    if (trace.tracestate !== undefined) headers.push('tracestate', trace.tracestate)
  }

  return (call) => {
    const { message } = call.delivery
    checkSize(message.headers)
    const headers: string[] = []
    const contentType = message.contentType ?? message.headers['ce-datacontenttype']
    if (contentType !== undefined && valuePattern.test(contentType)) headers.push('content-type', contentType)
    addEvent(headers, message, queue)
    for (const [name, value] of Object.entries(message.headers)) {
      if (!name.startsWith('ce-') && passes(name) && valuePattern.test(value)) headers.push(name, value)
    }
    headers.push('idempotency-key', visible(message.headers['idempotency-key']) ?? percentEncoded(message.id))
    headers.push('headgate-queue', percentEncoded(queue))
    headers.push('headgate-delivery', String(call.number), 'headgate-attempt', String(call.attemptsBefore + call.attempts + 1))
    if (timeoutMs !== Infinity) headers.push('headgate-deadline', new Date(deps.epochNow() + timeoutMs).toISOString())
    addTrace(headers, call)
    return headers
  }
}

/** CloudEvents 1.0, HTTP binding, binary mode. An event that stands in the body as a whole (structured mode) gets no second one around it. */
function addEvent(headers: string[], message: Message, queue: string): void {
  if (message.contentType?.toLowerCase().startsWith('application/cloudevents') === true) return
  const attributes: Record<string, string> = {
    'ce-specversion': '1.0',
    'ce-id': message.id,
    'ce-source': `/queues/${encodeURIComponent(queue)}`,
    'ce-type': queue,
  }
  if (isTime(message.publishedAtMs)) attributes['ce-time'] = new Date(message.publishedAtMs).toISOString()
  for (const [name, value] of Object.entries(message.headers)) {
    if (/^ce-[a-z0-9]+$/.test(name) && name !== 'ce-datacontenttype' && value !== '') attributes[name] = value
  }
  for (const [name, value] of Object.entries(attributes)) headers.push(name, percentEncoded(value))
}

/** A date beyond these has no name; publishers of other systems may write anything. */
const isTime = (ms: number): boolean => ms >= 0 && ms <= 253_402_300_799_999

/**
 * CloudEvents 1.0, HTTP binding, section 3.1.3.2: what is not visible ASCII, the quotation mark and the percent sign, as UTF-8. Escapes
 * that are there stay as they are: attributes that came over HTTP have them already, those from other publishers have not.
 */
const percentEncoded = (text: string): string =>
  text
    .toWellFormed()
    .replaceAll(/[^!#$%&-~]|%(?![0-9a-fA-F]{2})/gu, (character) =>
      Array.from(Buffer.from(character), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    )

const visible = (value: string | undefined): string | undefined =>
  value !== undefined && /^[\x21-\x7e][\x20-\x7e]*$/.test(value) ? value : undefined

function checkSize(headers: Message['headers']): void {
  const names = Object.keys(headers)
  let bytes = 0
  if (names.length <= maxHeaders) for (const name of names) bytes += name.length + (headers[name] ?? '').length
  if (names.length > maxHeaders || bytes > maxHeaderBytes) {
    throw new GatewayError('HEADERS_TOO_LARGE', {
      detail: `At most ${maxHeaders} headers and ${maxHeaderBytes} bytes of them are handed to a service.`,
    })
  }
}
