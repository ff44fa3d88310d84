import { requestTarget, hostName } from '../../gateway/http/request-target.ts'
import type { MatchInput } from '../../gateway/http/route-table.ts'
import { CommandError } from '../exit-codes.ts'

const standardMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'])

/** Methods are case-sensitive (RFC 9110, section 9.1), but nobody who types `get` means a method of his own. */
const meantMethod = (method: string): string => (standardMethods.has(method.toUpperCase()) ? method.toUpperCase() : method)

/**
 * The request that the command line describes, as the router sees one.
 * @param target Path with query, or URL, whose host then counts.
 * @param headers Each `name: value`.
 * @throws CommandError for what no client could send.
 */
export const describedRequest = (method: string, target: string, headers: readonly string[]): MatchInput => {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) throw new CommandError(`\`${method}\` is not an HTTP method.`)
  const parsed = requestTarget(target)
  if ('problem' in parsed) throw new CommandError(`\`${target}\` would be refused with 400: ${parsed.problem}`)
  const fields = headerFields(headers)
  const authority = parsed.authority ?? fields['host']
  const host = authority === undefined ? '' : hostName(authority)
  if (host === undefined) throw new CommandError(`\`${authority ?? ''}\` is not a valid host.`)
  return { method: meantMethod(method), host, path: parsed.path, query: parsed.query, headers: fields }
}

const headerFields = (headers: readonly string[]): Record<string, string> => {
  const fields: Record<string, string> = Object.create(null) as Record<string, string>
  for (const header of headers) {
    const colon = header.indexOf(':')
    const name = header.slice(0, Math.max(0, colon)).trim().toLowerCase()
    if (colon < 1 || name === '') throw new CommandError(`\`${header}\` is not a header. Write it as 'name: value'.`)
    const value = header.slice(colon + 1).trim()
    // Several fields of one name are one list (RFC 9110, section 5.3).
    fields[name] = name in fields ? `${fields[name] ?? ''}, ${value}` : value
  }
  return fields
}
