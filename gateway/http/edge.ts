import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TracingConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { traceContext, traceparent } from '../observe/trace.ts'
import type { IdSource } from '../observe/trace-ids.ts'
import { originOf, peerReader } from './client-peer.ts'
import { Exchange } from './exchange.ts'
import type { Lifecycle } from './exchange.ts'
import { requestHeadReader } from './request-head.ts'
import type { RequestHead } from './request-head.ts'
import { requestTarget } from './request-target.ts'
import type { RequestTarget } from './request-target.ts'

export interface EdgePolicy {
  readonly maxHeaders: number
  readonly trustedProxies: readonly string[]
  readonly tracing: TracingConfig
}

export interface EdgeDeps {
  readonly ids: IdSource
  readonly lifecycle: Lifecycle
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** What came in: an exchange to route, or one that can only be answered with `refusal`. */
export interface Arrival {
  readonly exchange: Exchange
  readonly refusal: GatewayError | undefined
}

/**
 * The edge of a listener: turns what a client sent into an exchange whose path, host and headers every later stage
 * can rely on. What could be read in two ways is refused here, before anything is routed.
 */
export function edge(policy: EdgePolicy, deps: EdgeDeps): (req: IncomingMessage, res: ServerResponse, upgrade?: string) => Arrival {
  const readHead = requestHeadReader(policy.tracing)
  const peerOf = peerReader(policy.trustedProxies)
  const names = policy.tracing.headers

  return (req, res, upgrade) => {
    const startedAtMs = deps.now()
    const head = readHead(req.rawHeaders, req.headers.connection)
    const target = requestTarget(req.url as string)
    const known: RequestTarget = 'problem' in target ? { path: printable(req.url as string), query: '', authority: undefined } : target
    const { authority, host, facts } = originOf(peerOf(req.socket), req.headers, known.authority ?? req.headers.host ?? '')
    const refusal = refusalOf(req, head, target, authority, host, policy.maxHeaders) ?? (upgrade === undefined ? undefined : upgradeRefusal(req))
    const trace = traceContext(head, deps.ids)

    const { forward } = head
    forward.push('x-forwarded-for', facts.xForwardedFor, 'x-forwarded-proto', facts.xForwardedProto)
    if (facts.xForwardedHost !== '') forward.push('x-forwarded-host', facts.xForwardedHost)
    forward.push('forwarded', facts.forwarded, 'via', head.via === undefined ? '1.1 headgate' : `${head.via}, 1.1 headgate`)
    forward.push('traceparent', traceparent(trace), names.traceId, trace.traceId, names.spanId, trace.spanId)
    if (trace.parentSpanId !== undefined) forward.push(names.parentSpanId, trace.parentSpanId)
    forward.push(names.sampled, trace.sampled ? 'true' : 'false')
    if (trace.tracestate !== undefined) forward.push('tracestate', trace.tracestate)

    const exchange = new Exchange({
      req,
      res,
      path: known.path,
      query: known.query,
      host: host ?? '',
      authority,
      client: facts.client,
      trace,
      startedAtMs,
      upstreamHeaders: forward,
      lifecycle: deps.lifecycle,
      upgrade,
    })
    return { exchange, refusal }
  }
}

function refusalOf(
  req: IncomingMessage,
  head: RequestHead,
  target: RequestTarget | { problem: string },
  authority: string,
  host: string | undefined,
  maxHeaders: number,
): GatewayError | undefined {
  // Node's parser takes HTTP/0.9 and 2.0 too; in those, what follows has another meaning.
  if (req.httpVersionMajor !== 1) return bad('Only HTTP/1.0 and HTTP/1.1 are spoken here.')
  if (req.rawHeaders.length > maxHeaders * 2) return new GatewayError('HEADERS_TOO_LARGE', { detail: `At most ${maxHeaders} headers are taken.` })
  if ('problem' in target) return bad(target.problem)
  if (head.hosts > 1) return bad('There is more than one Host header.')
  if (head.hosts === 0 && req.httpVersionMinor === 1) return bad('There is no Host header.')
  // HTTP/1.0 knows no Host.
  if (host === undefined && !(authority === '' && req.httpVersionMinor === 0)) return bad('The Host header is not a valid host.')
  if (head.authorizations > 1) return bad('There is more than one Authorization header.')
  const encoding = req.headers['transfer-encoding']
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || req.httpVersionMinor === 0)) {
    return bad('The only transfer encoding taken here is chunked, over HTTP/1.1.')
  }
  if (req.method === 'TRACE' || req.method === 'CONNECT') {
    return new GatewayError('METHOD_NOT_IMPLEMENTED', { detail: `${req.method} is not served by a gateway.` })
  }
  return undefined
}

const bad = (detail: string): GatewayError => new GatewayError('BAD_REQUEST', { detail })

/** What follows the head of an upgrade is read as the new protocol; a body there would be a request that nobody checked. */
function upgradeRefusal({ headers }: IncomingMessage): GatewayError | undefined {
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] ?? '0') === '0') return undefined
  return new GatewayError('BAD_REQUEST', { detail: 'A request to upgrade the connection must not have a body.' })
}

// For the log line of a request whose path could not be understood.
const printable = (url: string): string => url.slice(0, 256)
