import { nearest } from '../diagnostics/nearest.ts'
import { type Parsed, parsed, problem, quoted } from './parsed.ts'

/** Methods that the HTTP parser of Node.js knows, without CONNECT: a gateway is no tunnel. */
export const methods: readonly string[] = [
  'ACL',
  'BIND',
  'CHECKOUT',
  'COPY',
  'DELETE',
  'GET',
  'HEAD',
  'LINK',
  'LOCK',
  'M-SEARCH',
  'MERGE',
  'MKACTIVITY',
  'MKCALENDAR',
  'MKCOL',
  'MOVE',
  'NOTIFY',
  'OPTIONS',
  'PATCH',
  'POST',
  'PROPFIND',
  'PROPPATCH',
  'PURGE',
  'PUT',
  'QUERY',
  'REBIND',
  'REPORT',
  'SEARCH',
  'SOURCE',
  'SUBSCRIBE',
  'TRACE',
  'UNBIND',
  'UNLINK',
  'UNLOCK',
  'UNSUBSCRIBE',
]
const known = new Set(methods)

export const method = (text: string): Parsed<string> => {
  if (known.has(text)) return parsed(text)
  if (text.toUpperCase() === 'CONNECT') return problem('`CONNECT` asks for a tunnel, which a gateway does not give.')
  if (text === '*' || text.toUpperCase() === 'ANY' || text.toUpperCase() === 'ALL')
    return problem(`${quoted(text)} is not a method.`, 'Leave `methods` out to match every method.')
  const guess = known.has(text.toUpperCase()) ? text.toUpperCase() : nearest(text.toUpperCase(), methods)
  return problem(`${quoted(text)} is not a method.`, guess === undefined ? 'Write one such as `GET`.' : `Write \`${guess}\`.`)
}

/** RFC 9110 token, at most 256 characters. @returns In lower case. */
export const headerName = (text: string): Parsed<string> => {
  if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/.test(text)) return parsed(text.toLowerCase())
  const guess = text.trim().replace(/:$/, '').replace(/\s+/g, '-')
  return /^[A-Za-z0-9!#$%&'*+.^_|~-]{1,256}$/.test(guess)
    ? problem(`${quoted(text)} is not a header name.`, `Write \`${guess}\`.`)
    : problem(`${quoted(text)} is not a header name.`)
}

/** Printable characters of Latin-1 and tabs, no space at either end. */
export const headerValue = (text: string): Parsed<string> => {
  if (/[\r\n]/.test(text)) return problem('The header value has a line break in it.', 'Write it on one line; `>-` folds long ones.')
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) return problem(`${quoted(text)} has a character that headers cannot carry.`)
  if (text !== text.trim())
    return problem(`${quoted(text)} has a space at its end or beginning, which does not survive the way.`, `Write \`${text.trim()}\`.`)
  return parsed(text)
}
