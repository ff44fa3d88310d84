import { isZero } from './trace-ids.ts'
import type { IdSource } from './trace-ids.ts'

/** Where a call stands in its trace. */
export interface TraceContext {
  /** 32 hex digits, lower case. */
  readonly traceId: string
  /** Span of the caller, 16 hex digits; undefined when the trace begins here. */
  readonly parentSpanId: string | undefined
  /** Span of this gateway, 16 hex digits. */
  readonly spanId: string
  readonly sampled: boolean
  /** Flags for the outgoing `traceparent`, two hex digits: sampled, and the random flag when it came in. */
  readonly flags: string
  /** Passed on as it came. */
  readonly tracestate: string | undefined
}

/** Header values as they came; those that are not valid are treated as absent. */
export interface IncomingTrace {
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
  /** 32 or 16 hex digits. */
  readonly traceId?: string | undefined
  readonly parentSpanId?: string | undefined
  readonly spanId?: string | undefined
  /** `true` or `1`, `false` or `0`. */
  readonly sampled?: string | undefined
}

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const traceIdPattern = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i
const spanIdPattern = /^[0-9a-f]{16}$/i
const tracestatePattern = /^[\x20-\x7e\t]{1,512}$/
const sampledBit = 1
const randomBit = 2

/**
 * The trace a request belongs to: `traceparent` first, else the own headers, else a new trace that is sampled.
 * Nothing that is not a valid id gets in, so nothing else can get out. Never throws.
 * Source: W3C Trace Context levels 1 and 2.
 */
export const traceContext = (incoming: IncomingTrace, ids: IdSource): TraceContext =>
  (incoming.traceparent === undefined ? undefined : fromTraceparent(incoming.traceparent, incoming.tracestate, ids)) ?? fromOwnHeaders(incoming, ids)

/** Value of the outgoing `traceparent` header. */
export const traceparent = (context: TraceContext): string => `00-${context.traceId}-${context.spanId}-${context.flags}`

const fromTraceparent = (header: string, tracestate: string | undefined, ids: IdSource): TraceContext | undefined => {
  const [, version, traceId, parentSpanId, flagDigits, more] = traceparentPattern.exec(header) ?? []
  if (version === undefined || traceId === undefined || parentSpanId === undefined || flagDigits === undefined) return undefined
  // Version 00 ends after the flags; later versions may go on, and ff is not a version.
  if (version === 'ff' || (version === '00' && more !== undefined) || isZero(traceId) || isZero(parentSpanId)) return undefined
  const bits = Number.parseInt(flagDigits, 16)
  return {
    traceId,
    parentSpanId,
    spanId: ids.spanId(),
    sampled: (bits & sampledBit) !== 0,
    flags: `0${bits & (sampledBit | randomBit)}`,
    tracestate: tracestate !== undefined && tracestatePattern.test(tracestate) ? tracestate : undefined,
  }
}

const fromOwnHeaders = (incoming: IncomingTrace, ids: IdSource): TraceContext => {
  const traceId = validId(incoming.traceId, traceIdPattern)?.padStart(32, '0')
  const sampled = incoming.sampled !== 'false' && incoming.sampled !== '0'
  return {
    traceId: traceId ?? ids.traceId(),
    // A span id means something only within its trace. Callers who name only a parent mean themselves.
    parentSpanId: traceId === undefined ? undefined : (validId(incoming.spanId, spanIdPattern) ?? validId(incoming.parentSpanId, spanIdPattern)),
    spanId: ids.spanId(),
    sampled,
    flags: sampled ? '01' : '00',
    tracestate: undefined,
  }
}

const validId = (text: string | undefined, pattern: RegExp): string | undefined => {
  if (text === undefined || !pattern.test(text)) return undefined
  const id = text.toLowerCase()
  return isZero(id) ? undefined : id
}
