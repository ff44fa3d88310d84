import type { HeaderEdits } from '../../config/model.ts'
import type { Exchange } from './exchange.ts'
import { headerEditor } from './header-edits.ts'
import { hopByHop } from './hop-by-hop.ts'

/** Headers of a request that belong to its message; CloudEvents attributes (`ce-*`) do too. */
const kept = new Set(['content-type', 'content-language', 'content-encoding', 'traceparent', 'tracestate', 'x-request-id', 'x-correlation-id'])

/** A message rests in queues, logs and dead letters for days: whoever reads it there must find no credentials, even where a rule sets them. */
const never = new Set([...hopByHop, 'authorization', 'cookie', 'set-cookie', 'host', 'content-length', 'expect'])

/**
 * Compiles which headers of a request its message gets: those above, `also`, and what the rule adds or sets.
 * @param also Names in lower case.
 */
export function messageHeaders(edits: HeaderEdits | undefined, also: readonly string[]): (exchange: Exchange) => Record<string, string> {
  const edit = headerEditor(edits)
  const wanted = new Set([...kept, ...also])
  return ({ upstreamHeaders }) => {
    const flat: string[] = []
    for (let i = 0; i < upstreamHeaders.length; i += 2) {
      const name = upstreamHeaders[i] as string
      if (wanted.has(name) || name.startsWith('ce-')) flat.push(name, upstreamHeaders[i + 1] as string)
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
