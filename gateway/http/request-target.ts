import { canonicalPath } from './canonical-path.ts'

/** What the request line and `Host` say, checked and taken apart (RFC 9112, section 3.2). */
export interface RequestTarget {
  /** Canonical path. */
  readonly path: string
  /** Query with its `?`, as received; empty where there is none. */
  readonly query: string
  /** Authority of an absolute-form target, which replaces `Host`. */
  readonly authority: string | undefined
}

// What a query may hold; anything else is a byte that servers read differently.
const legalQuery = /^[\x21\x22\x24-\x7e]*$/
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i

/** @returns The target, or what is wrong with it. Never throws. */
export function requestTarget(url: string): RequestTarget | { readonly problem: string } {
  if (url.charCodeAt(0) === 0x2f) return originForm(url, undefined)
  const absolute = absoluteForm.exec(url)
  if (absolute === null) return { problem: 'The request target is neither a path nor an http(s) URL.' }
  const rest = absolute[2] as string
  return originForm(rest.startsWith('/') ? rest : `/${rest}`, absolute[1])
}

function originForm(url: string, authority: string | undefined): RequestTarget | { readonly problem: string } {
  const mark = url.indexOf('?')
  const query = mark === -1 ? '' : url.slice(mark)
  if (query !== '' && !legalQuery.test(query)) return { problem: 'The query has a character that must be percent-encoded.' }
  const canonical = canonicalPath(mark === -1 ? url : url.slice(0, mark))
  if ('problem' in canonical) return canonical
  return { path: canonical.path, query, authority }
}

const hostAndPort = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-_~]+(?:\.[A-Za-z0-9\-_~]+)*\.?)(?::([0-9]{1,5}))?$/

/**
 * Host name of a `Host` header or authority: lower case, without port and without a final dot.
 * @returns Undefined when it is not a valid host.
 */
export function hostName(authority: string): string | undefined {
  const match = hostAndPort.exec(authority)
  if (match === null) return undefined
  const port = match[1]
  if (port !== undefined && Number(port) > 65535) return undefined
  const host = (port === undefined ? authority : authority.slice(0, -port.length - 1)).toLowerCase()
  return host.endsWith('.') ? host.slice(0, -1) : host
}
