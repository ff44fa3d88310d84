import type { HeaderEdits, TracingConfig } from '../../config/model.ts'
import type { Exchange } from './exchange.ts'
import { headerEditor } from './header-edits.ts'
import { hopByHop } from './hop-by-hop.ts'

/**
 * Headers that speak of the request: its way here, its sender's program, the answer that is wished for. The idempotency key of a request is
 * the key of its message only where the rule has read it: a batch of events must not share one.
 */
const ofRequest = new Set([
  'accept',
  'user-agent',
  'origin',
  'referer',
  'from',
  'dnt',
  'priority',
  'upgrade-insecure-requests',
  'prefer',
  'range',
  'cache-control',
  'pragma',
  'max-forwards',
  'via',
  'forwarded',
  'x-real-ip',
  'idempotency-key',
])
const ofRequestPrefixes = ['accept-', 'sec-', 'if-', 'access-control-', 'x-forwarded-', 'headgate-']

/** A message rests in queues, logs and dead letters for days: whoever reads it there must find no credentials, even where a rule sets them. */
const never = new Set([...hopByHop, 'authorization', 'cookie', 'set-cookie', 'host', 'content-length', 'expect'])

/** Names that tell of credentials, such as `x-api-key` and `x-amz-security-token`. What a rule sets is the rule's business. */
const secretName =
  /(?:^|-)(?:auth|authorization|token|secret|password|credentials?|api-?key|access-key|cookie|session|session-?id|jwt|csrf|xsrf)(?:-|$)/

const isOfMessage = (name: string): boolean =>
  name.startsWith('ce-') || !(ofRequest.has(name) || secretName.test(name) || ofRequestPrefixes.some((prefix) => name.startsWith(prefix)))

/**
 * Compiles which headers of a request its message gets: all but those of the request and credentials, `also`, and what the rule adds or sets.
 * The trace is in `traceparent`; the names that repeat it are left out.
 * @param also Names in lower case that are kept in any case.
 */
export function messageHeaders(
  edits: HeaderEdits | undefined,
  also: readonly string[],
  tracing: TracingConfig,
): (exchange: Exchange) => Record<string, string> {
  const edit = headerEditor(edits)
  const trace = Object.values(tracing.headers)
  return ({ upstreamHeaders }) => {
    const flat: string[] = []
    for (let i = 0; i < upstreamHeaders.length; i += 2) {
      const name = upstreamHeaders[i] as string
      if (also.includes(name) || (isOfMessage(name) && !trace.includes(name))) flat.push(name, upstreamHeaders[i + 1] as string)
    }
    return combined(edit === undefined ? flat : edit(flat))
  }
}

/** Lines of one name become one value (RFC 9110, section 5.3). */
function combined(flat: readonly string[]): Record<string, string> {
  const lines = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) {
    const name = (flat[i] as string).toLowerCase()
    if (never.has(name)) continue
    const before = lines.get(name)
    lines.set(name, before === undefined ? (flat[i + 1] as string) : `${before}, ${flat[i + 1] as string}`)
  }
  // Not by assignment, which `__proto__` would escape.
  return Object.fromEntries(lines)
}
