import { GatewayError } from '../../errors.ts'
import { UpstreamAnswer } from '../../http/upstream-answer.ts'
import { metClosingConnection } from '../../http/upstream-error.ts'
import type { ErrorType, Metrics } from '../../observe/metrics.ts'
import type { Service, Upstream } from '../../services/service.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import { maxResultBytes } from '../jobs/job-store.ts'
import { jobHeader } from '../message.ts'
import type { Target } from './target.ts'

/** How long the body of an answer may pause. Its status has decided already. */
const bodyTimeoutMs = 30_000
/** How long the rest of an answer that nobody asks for is waited for. */
const restTimeoutMs = 2000
const maxRestBytes = 128 * 1024

export interface ServiceTarget {
  readonly service: Service
  readonly method: string
  readonly path: string
}

export interface ServiceTargetDeps {
  readonly headers: (call: DeliveryCall) => string[]
  readonly metrics: Pick<Metrics, 'latency' | 'errors'>
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/**
 * One attempt on one address of a service: the body as it is, the message's headers, and those that say what is being delivered. The
 * status decides; of an answer's body only that for a waiting sender is kept.
 *
 * An attempt that met a kept connection just as the service closed it is sent again, once and at once: a delivery may always be
 * repeated, and that fate of a connection is no failure of the service.
 * @throws {GatewayError} NO_UPSTREAM, UPSTREAM_BUSY, UPSTREAM_CONNECT_FAILED, UPSTREAM_RESET, UPSTREAM_INVALID_RESPONSE,
 * HEADERS_TOO_LARGE, and whatever `cancel` is called with.
 */
export function serviceTarget({ service, method, path }: ServiceTarget, deps: ServiceTargetDeps): Target {
  const latency = deps.metrics.latency(service.name, path)
  const errors = deps.metrics.errors(service.name)

  const exchange = (call: DeliveryCall, headers: readonly string[], not: Upstream | undefined): Promise<UpstreamAnswer> =>
    new Promise((resolve, reject) => {
      if (call.aborted) throw new GatewayError('CLIENT_GONE')
      call.sent = false
      const upstream = service.pick(not)
      const answer = new UpstreamAnswer(upstream, call, resolve, (error) => {
        call.interrupt = undefined
        reject(error)
      })
      call.interrupt = (reason) => answer.cancel(reason)
      const { body } = call.delivery.message
      upstream.dispatcher.dispatch(
        { path, method, headers: ['host', upstream.authority, ...headers], body, headersTimeout: 0, bodyTimeout: bodyTimeoutMs },
        answer,
      )
    })

  const attempt = async (call: DeliveryCall, headers: readonly string[]): Promise<UpstreamAnswer> => {
    try {
      return await exchange(call, headers, undefined)
    } catch (error) {
      if (call.aborted || !metClosingConnection(error)) throw error
      // undici is still busy with the connection that it has lost.
      await Promise.resolve()
      return exchange(call, headers, undefined)
    }
  }

  return async (call) => {
    const headers = deps.headers(call)
    call.attempts += 1
    const begunAtMs = deps.now()
    try {
      const answer = await attempt(call, headers)
      latency.observe(answer.status, deps.now() - begunAtMs)
      const facts = { status: answer.status, retryAfter: answer.headers['retry-after'], contentType: textOf(answer.headers['content-type']) }
      if (answer.status >= 500) errors.count('http_5xx')
      return { ...facts, body: await bodyOf(answer, call) }
    } catch (error) {
      if (!call.aborted) {
        const known = error instanceof GatewayError ? error : new GatewayError('INTERNAL')
        latency.observe(known.status, deps.now() - begunAtMs)
        errors.count(known.code.toLowerCase() as ErrorType)
      }
      throw error
    } finally {
      call.interrupt = undefined
    }
  }
}

/**
 * The body of an answer that somebody may ask for. Of any other a short rest is read, so that the connection can be used again. Either way
 * the answer has ended, or its connection has, when this resolves: the service never has more of a consumer's requests than `concurrency`.
 */
async function bodyOf(answer: UpstreamAnswer, call: DeliveryCall): Promise<Buffer | undefined> {
  const wanted = call.delivery.message.headers[jobHeader] !== undefined && answer.status >= 200 && answer.status < 300
  if (wanted) return read(answer, maxResultBytes)
  const timer = answer.complete ? undefined : setTimeout(() => answer.cancel(new GatewayError('CLIENT_GONE')), restTimeoutMs)
  await read(answer, maxRestBytes)
  clearTimeout(timer)
  return undefined
}

function read(answer: UpstreamAnswer, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve) => {
    answer.pipe({
      write: (chunk) => {
        bytes += chunk.length
        if (bytes <= maxBytes) chunks.push(chunk)
        else answer.cancel(new GatewayError('CLIENT_GONE'))
        return true
      },
      end: () => resolve(bytes <= maxBytes ? Buffer.concat(chunks) : undefined),
      // The status has said that the message is handled; an answer that breaks off after it changes nothing.
      fail: () => resolve(undefined),
    })
  })
}

const textOf = (value: string | string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.[0])
