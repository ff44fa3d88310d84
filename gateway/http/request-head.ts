import type { TracingConfig } from '../../config/model.ts'
import { hopByHop } from './hop-by-hop.ts'

/**
 * What one pass over the received headers yields: those to send on, and those that the gateway itself reads.
 * Left out of `forward`: hop-by-hop headers (RFC 9110, section 7.6.1) and what `Connection` nominates, everything
 * the gateway states itself (`Forwarded`, `X-Forwarded-*`, trace context, `Via`), and names with an underscore,
 * which servers behind CGI cannot tell from names with a hyphen.
 */
export interface RequestHead {
  /** Name in lower case, value, name, value; the first pair is a place for `host`. */
  readonly forward: string[]
  hosts: number
  authorizations: number
  traceparent: string | undefined
  tracestate: string | undefined
  traceId: string | undefined
  parentSpanId: string | undefined
  spanId: string | undefined
  sampled: string | undefined
  via: string | undefined
}

type Take = (head: RequestHead, name: string, value: string) => void

interface KnownName {
  readonly name: string
  readonly take: Take
}

const forward: Take = (head, name, value) => {
  head.forward.push(name, value)
}
const drop: Take = () => undefined

const dropped = [...hopByHop, 'http2-settings', 'expect', 'forwarded', 'x-real-ip', 'x-original-url', 'x-rewrite-url']

/** Names that are remembered as they were spelt; clients choose them, so their number has an end. */
const maxKnownNames = 2048

// `Connection` may not take these away: they belong to the framing and the target of the message.
const neverNominated = new Set(['host', 'content-length', 'content-type'])

/** Compiles the pass for the trace header names of a configuration. */
export function requestHeadReader(tracing: TracingConfig): (rawHeaders: readonly string[], connection: string | undefined) => RequestHead {
  const special = specialNames(tracing)
  const known = new Map<string, KnownName>()

  const look = (spelt: string): KnownName => {
    const name = spelt.toLowerCase()
    const take = special.get(name) ?? (name.includes('_') || name.startsWith('x-forwarded-') ? drop : forward)
    const entry = { name, take }
    if (known.size < maxKnownNames) known.set(spelt, entry)
    return entry
  }

  return (rawHeaders, connection) => {
    const head: RequestHead = {
      forward: ['host', ''],
      hosts: 0,
      authorizations: 0,
      traceparent: undefined,
      tracestate: undefined,
      traceId: undefined,
      parentSpanId: undefined,
      spanId: undefined,
      sampled: undefined,
      via: undefined,
    }
    const nominated = nominatedNames(connection)
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const spelt = rawHeaders[i] as string
      const { name, take } = known.get(spelt) ?? look(spelt)
      if (nominated?.has(name) !== true) take(head, name, rawHeaders[i + 1] as string)
    }
    return head
  }
}

function specialNames(tracing: TracingConfig): Map<string, Take> {
  const special = new Map<string, Take>(dropped.map((name) => [name, drop]))
  special.set('host', (head) => {
    head.hosts += 1
  })
  special.set('authorization', (head, name, value) => {
    head.authorizations += 1
    head.forward.push(name, value)
  })
  special.set('via', (head, _name, value) => {
    head.via = head.via === undefined ? value : `${head.via}, ${value}`
  })
  special.set('traceparent', (head, _name, value) => {
    // Two of them are none: the trace must not depend on which one a server picks.
    head.traceparent = head.traceparent === undefined ? value : ''
  })
  special.set('tracestate', (head, _name, value) => {
    head.tracestate = head.tracestate === undefined ? value : `${head.tracestate},${value}`
  })
  const own = ['traceId', 'parentSpanId', 'spanId', 'sampled'] as const
  for (const key of own) {
    special.set(tracing.headers[key], (head, _name, value) => {
      head[key] = value
    })
  }
  return special
}

/** Header names that `Connection` makes hop-by-hop; undefined for the usual values, which name none. */
function nominatedNames(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined
  const names = connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !neverNominated.has(name))
  return new Set(names)
}
