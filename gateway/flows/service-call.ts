import type { JsonValue } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { UpstreamAnswer } from '../http/upstream-answer.ts'
import { metClosingConnection } from '../http/upstream-error.ts'
import type { StoredFailure } from '../integrations/operation.ts'
import type { ErrorType, Metrics } from '../observe/metrics.ts'
import { failureOfStatus, retryAfterOf } from '../plugin.ts'
import type { Executed, FailureKind } from '../plugin.ts'
import type { Call } from '../pipe.ts'
import type { Service } from '../services/service.ts'
import type { CallResult } from './call-result.ts'
import { failureOf } from './call-result.ts'
import type { FilledCall } from './compiled-flow.ts'

/** Answers beyond it cannot be kept. */
const maxAnswerBytes = 1024 * 1024

/** What the gateway says itself; a header of the flow cannot change it. */
const ownHeaders = new Set(['host', 'idempotency-key', 'traceparent', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'])

export interface ServiceCall {
  readonly service: Service
  readonly request: Extract<FilledCall, { readonly type: 'service' }>
  /** `Idempotency-Key`: the same for each repetition. */
  readonly key: string
  readonly traceparent: string
  /** Until the whole answer is here. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

export interface ServiceCallDeps {
  readonly metrics: Pick<Metrics, 'latency' | 'errors'>
  /** Milliseconds on a monotonic clock. */
  now(): number
  epochNow(): number
}

/**
 * One attempt on one address of a service. 2xx is done; 408, 425, 429, 5xx and no answer may be tried again; any other status is a failure
 * for good. Never rejects.
 */
export async function serviceCall(call: ServiceCall, deps: ServiceCallDeps): Promise<CallResult> {
  const { service, request } = call
  const latency = deps.metrics.latency(service.name, request.endpoint)
  const begunAtMs = deps.now()
  try {
    const answer = await attempt(call)
    latency.observe(answer.status, deps.now() - begunAtMs)
    if (answer.status >= 500) deps.metrics.errors(service.name).count('http_5xx')
    return resultOf(answer, deps.epochNow())
  } catch (error) {
    const known = error instanceof GatewayError ? error : new GatewayError('INTERNAL', { cause: error, sent: true })
    if (!call.signal.aborted) {
      latency.observe(known.status, deps.now() - begunAtMs)
      deps.metrics.errors(service.name).count(known.code.toLowerCase() as ErrorType)
    }
    return unanswered(known)
  }
}

/** An attempt that met a kept connection just as the service closed it is made again at once: it has its key. */
async function attempt(call: ServiceCall): Promise<Answer> {
  try {
    return await exchange(call)
  } catch (error) {
    if (call.signal.aborted || !metClosingConnection(error)) throw error
    // undici is still busy with the connection that it has lost.
    await Promise.resolve()
    return exchange(call)
  }
}

interface Answer {
  readonly status: number
  readonly headers: UpstreamAnswer['headers']
  /** Undefined where it is larger than can be kept. */
  readonly body: Buffer | undefined
}

/** @throws {GatewayError} as a route would. */
async function exchange({ service, request, key, traceparent, timeoutMs, signal }: ServiceCall): Promise<Answer> {
  signal.throwIfAborted()
  const upstream = service.pick()
  const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body))
  const headers = ['host', upstream.authority, 'idempotency-key', key, 'traceparent', traceparent]
  const names = new Set(request.headers.map(([name]) => name))
  if (!names.has('accept')) headers.push('accept', 'application/json')
  if (body !== null && !names.has('content-type')) headers.push('content-type', 'application/json')
  for (const [name, value] of request.headers) if (!ownHeaders.has(name)) headers.push(name, value)

  const progress: Call = { deadlineAtMs: Infinity, attempts: 1, aborted: false, sent: false, progressAtMs: -Infinity, cancel: () => undefined }
  let cancel: (reason: Error) => void = () => undefined
  const timer =
    timeoutMs === Infinity ? undefined : setTimeout(() => cancel(new GatewayError('UPSTREAM_TIMEOUT', { sent: progress.sent })), timeoutMs)
  const onAbort = (): void => cancel(new GatewayError('CLIENT_GONE', { sent: progress.sent }))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const answer = await new Promise<UpstreamAnswer>((resolve, reject) => {
      const pending = new UpstreamAnswer(upstream, progress, resolve, reject)
      cancel = (reason) => pending.cancel(reason)
      const { path, method } = request
      upstream.dispatcher.dispatch({ path, method, headers, body, headersTimeout: 0, bodyTimeout: 0 }, pending)
    })
    return { status: answer.status, headers: answer.headers, body: await wholeBody(answer) }
  } catch (error) {
    // Whether it was sent is known best by the one who sent it: a time limit may have struck while it waited for a connection.
    if (error instanceof GatewayError && progress.sent && !error.sent) throw new GatewayError(error.code, { sent: true, cause: error })
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

const wholeBody = (answer: UpstreamAnswer): Promise<Buffer | undefined> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    answer.pipe({
      write: (chunk) => {
        bytes += chunk.length
        if (bytes <= maxAnswerBytes) chunks.push(chunk)
        else {
          resolve(undefined)
          answer.cancel(new GatewayError('CLIENT_GONE'))
        }
        return true
      },
      end: () => resolve(bytes > maxAnswerBytes ? undefined : Buffer.concat(chunks)),
      fail: (error) => (bytes > maxAnswerBytes ? resolve(undefined) : reject(error)),
    })
  })

function resultOf({ status, headers, body }: Answer, nowMs: number): CallResult {
  if (status >= 200 && status < 300) {
    if (body !== undefined) return { type: 'done', output: jsonOrText(body) }
    return {
      type: 'failed',
      failure: failureOf('invalid_response', 'yes', `The service answered with more than ${maxAnswerBytes} bytes.`, { status }),
    }
  }
  const retryAfter = headers['retry-after']
  const retryAfterMs = typeof retryAfter === 'string' ? retryAfterOf({ 'retry-after': retryAfter }, nowMs) : undefined
  const more = retryAfterMs === undefined ? { status } : { status, retryAfterMs }
  const failureSaid = (kind: FailureKind, executed: Executed): StoredFailure =>
    failureOf(kind, executed, `The service answered with status ${status}.`, more)
  const { kind, executed } = failureOfStatus(status)
  const passing = status === 408 || status === 425 || status === 429 || status >= 500
  // A refusal is the last word on the key: 409 is what many services say when something is sold out.
  if (!passing) return { type: 'failed', failure: failureSaid(status === 409 ? 'rejected' : kind, status < 400 ? 'unknown' : 'no') }
  const failure = failureSaid(kind, status === 425 ? 'no' : executed)
  return { type: 'again', failure, counted: true, unanswered: false, ...(retryAfterMs === undefined ? {} : { delayMs: retryAfterMs }) }
}

/** JSON where it is JSON, nothing as `null`, anything else as text. */
function jsonOrText(body: Buffer): JsonValue {
  const text = body.toString('utf8')
  if (text.trim() === '') return null
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}

const kinds: Readonly<Record<string, FailureKind>> = {
  UPSTREAM_TIMEOUT: 'timeout',
  UPSTREAM_INVALID_RESPONSE: 'invalid_response',
  UPSTREAM_BUSY: 'overloaded',
  INTERNAL: 'internal',
}

function unanswered(error: GatewayError): CallResult {
  // Built from the configuration and from what was filled in: it will be as wrong the next time.
  if (error.code === 'BAD_REQUEST') return { type: 'failed', failure: failureOf('invalid_request', 'no', 'No request can be made of it.') }
  const kind = kinds[error.code] ?? 'network_error'
  const failure = failureOf(kind, error.sent ? 'unknown' : 'no', `${error.message}.`)
  return { type: 'again', failure, counted: error.code !== 'UPSTREAM_BUSY', unanswered: error.sent }
}
