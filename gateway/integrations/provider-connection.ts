import { createSecureContext } from 'node:tls'
import type { Pool } from 'undici'
import type { UpstreamTlsConfig } from '../../config/model.ts'
import { upstreamPool } from '../services/pool.ts'
import { type ProviderAnswer, ProviderFailure } from '../plugin.ts'
import { AnswerReader, executedOf, UnusableAnswer } from './provider-answer.ts'

export interface ConnectionOptions {
  readonly tls?: UpstreamTlsConfig
  readonly connectTimeoutMs: number
  readonly maxConnections: number
  onError(error: Error): void
}

export interface RawRequest {
  readonly method: string
  /** Path and query, ready to be sent. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  readonly signal: AbortSignal
}

/** Connections to one origin. */
export interface ProviderConnection {
  /** @throws {ProviderFailure} */
  send(request: RawRequest): Promise<ProviderAnswer>
  /** Lets calls end, then closes; those that take longer than a second are cut off. */
  close(): Promise<void>
}

const closeTimeoutMs = 1000

/** Code of undici for what it refuses to send; nothing has left then. */
const unsendable = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])
const malformed = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'UND_ERR_RESPONSE_STATUS_CODE'])

export const providerConnection = (origin: URL, options: ConnectionOptions): ProviderConnection => {
  const pool = openPool(origin, options)
  const send = (request: RawRequest): Promise<ProviderAnswer> =>
    new Promise((resolve, reject) => {
      if (request.signal.aborted) throw aborted(false)
      const onAbort = (): void => reader.abort(new Aborted())
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          request.signal.removeEventListener('abort', onAbort)
          settle(value)
        }
      const reader = new AnswerReader(settled(resolve), settled(reject), (error, sent, status) => failureOf(error, sent, status, origin.host))
      request.signal.addEventListener('abort', onAbort, { once: true })
      try {
        pool.dispatch(
          {
            path: request.target,
            method: request.method,
            headers: { ...request.headers },
            body: request.body === undefined ? null : typeof request.body === 'string' ? request.body : Buffer.from(request.body),
            headersTimeout: 0,
            bodyTimeout: 0,
          },
          reader,
        )
      } catch (error) {
        request.signal.removeEventListener('abort', onAbort)
        reject(failureOf(error instanceof Error ? error : new Error(String(error)), reader.sent, 0, origin.host))
      }
    })
  return { send, close: () => closed(pool) }
}

const openPool = (origin: URL, { tls, connectTimeoutMs, maxConnections, onError }: ConnectionOptions): Pool => {
  let context: ReturnType<typeof createSecureContext> | undefined
  const secureContext = (): ReturnType<typeof createSecureContext> =>
    (context ??= createSecureContext({ ca: tls?.ca, cert: tls?.cert, key: tls?.key }))
  // Certificates that cannot be read stop the start, not the first call.
  if (tls?.ca !== undefined || tls?.cert !== undefined || tls?.key !== undefined) secureContext()
  const serverName = tls?.serverName ?? origin.hostname.replace(/^\[|\]$/g, '')
  return upstreamPool({
    origin: origin.origin,
    maxConnections,
    connectTimeoutMs,
    tls: { secureContext, verify: tls?.verify !== false, serverName },
    onError,
  })
}

class Aborted extends Error {}

const aborted = (sent: boolean): ProviderFailure =>
  new ProviderFailure('timeout', sent ? 'No answer within the time limit' : 'No connection within the time limit', {
    executed: sent ? 'unknown' : 'no',
  })

const failureOf = (error: Error, sent: boolean, status: number, host: string): ProviderFailure => {
  if (error instanceof Aborted) return aborted(sent)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = status === 0 ? {} : { status }
  if (error instanceof UnusableAnswer) return invalid(`${host} gave ${error.message}`, status, error)
  if (error.name === 'HTTPParserError' || malformed.has(code) || /bad (?:response|upgrade)/.test(error.message))
    return invalid(`What ${host} answered is not HTTP`, status, error)
  // The library's words could hold the value of a header.
  if (unsendable.has(code))
    return new ProviderFailure('internal', `The request to ${host} cannot be sent: ${code}`, { executed: sent ? 'unknown' : 'no' })
  const why = code === '' ? '' : ` (${code})`
  if (!sent) return new ProviderFailure('network_error', `No connection to ${host}${why}`, { executed: 'no', cause: error })
  return new ProviderFailure('network_error', `The connection to ${host} broke before the answer was complete${why}`, {
    ...known,
    executed: 'unknown',
    cause: error,
  })
}

const invalid = (message: string, status: number, cause: Error): ProviderFailure =>
  new ProviderFailure('invalid_response', message, {
    executed: status === 0 ? 'unknown' : executedOf(status),
    ...(status === 0 ? {} : { status }),
    cause,
  })

const closed = async (pool: Pool): Promise<void> => {
  const timer = setTimeout(() => void pool.destroy().catch(() => undefined), closeTimeoutMs)
  try {
    await pool.close()
  } catch {
    // It was destroyed meanwhile.
  } finally {
    clearTimeout(timer)
  }
}
