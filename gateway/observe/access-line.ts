import type { TraceContext } from './trace.ts'

/** What happened to one request. */
export interface AccessEntry {
  readonly listener: string
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Without `?`; written only when the configuration says so. */
  readonly query?: string | undefined
  readonly status: number
  /** Path pattern or name of the route; absent when none matched. */
  readonly route?: string | undefined
  readonly service?: string | undefined
  /** Address that answered last. */
  readonly upstream?: string | undefined
  readonly attempts: number
  /** From the end of the request headers to the end of the response. */
  readonly durationMs: number
  /** Time the last attempt took until its response headers. */
  readonly upstreamMs?: number | undefined
  /** Response body. */
  readonly bytesOut: number
  /** IP address of the client. */
  readonly client: string
  readonly userAgent?: string | undefined
  /** Code of the gateway's error. */
  readonly error?: string | undefined
  readonly trace: TraceContext
  /** The request headers that the configuration asks for, by lower-case name. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** Longer texts from clients are cut here and end in `...`, so that one request cannot fill the log. */
const maxTextLength = 2048

/**
 * One line, JSON and pure ASCII, ended by a line feed: `time` (milliseconds since 1970, as pino writes it), listener, method,
 * path, query, status, route, service, upstream, attempts, duration_ms, upstream_ms, bytes_out, client, user_agent, error,
 * trace_id, span_id, parent_span_id, sampled, request_headers. Absent values have no key.
 *
 * Written by hand because it is the dearest thing the gateway does for every request besides the request itself.
 */
export const accessLine = (entry: AccessEntry, timeMs: number, withQuery: boolean): string => {
  const { trace } = entry
  let line = `{"time":${timeMs},"listener":${quoted(entry.listener)},"method":${quoted(entry.method)},"path":${quoted(entry.path)}`
  if (withQuery && entry.query !== undefined) line += `,"query":${quoted(entry.query)}`
  line += `,"status":${number(entry.status)}`
  if (entry.route !== undefined) line += `,"route":${quoted(entry.route)}`
  if (entry.service !== undefined) line += `,"service":${quoted(entry.service)}`
  if (entry.upstream !== undefined) line += `,"upstream":${quoted(entry.upstream)}`
  line += `,"attempts":${number(entry.attempts)},"duration_ms":${milliseconds(entry.durationMs)}`
  if (entry.upstreamMs !== undefined) line += `,"upstream_ms":${milliseconds(entry.upstreamMs)}`
  line += `,"bytes_out":${number(entry.bytesOut)},"client":${quoted(entry.client)}`
  if (entry.userAgent !== undefined) line += `,"user_agent":${quoted(entry.userAgent)}`
  if (entry.error !== undefined) line += `,"error":${quoted(entry.error)}`
  // Ids are hex digits by construction.
  line += `,"trace_id":"${trace.traceId}","span_id":"${trace.spanId}"`
  if (trace.parentSpanId !== undefined) line += `,"parent_span_id":"${trace.parentSpanId}"`
  line += `,"sampled":${trace.sampled}`
  if (entry.headers !== undefined) line += `,"request_headers":${headersObject(entry.headers)}`
  return `${line}}\n`
}

const headersObject = (headers: Readonly<Record<string, string>>): string =>
  `{${Object.entries(headers)
    .map(([name, value]) => `${quoted(name)}:${quoted(value)}`)
    .join(',')}}`

const needsEscape = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const notAscii = /[\x7f-\uffff]/g

/** JSON string in ASCII: control bytes of terminals (C0, DEL, C1) never reach one, and characters equal bytes. */
const quoted = (text: string): string => {
  const short = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}...` : text
  return needsEscape.test(short) ? JSON.stringify(short).replace(notAscii, escaped) : `"${short}"`
}

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const number = (value: number): string => (Number.isFinite(value) ? `${value}` : 'null')

/** Whole microseconds are all a clock of this kind can tell. */
const milliseconds = (value: number): string => (Number.isFinite(value) ? `${Math.round(value * 1000) / 1000}` : 'null')
