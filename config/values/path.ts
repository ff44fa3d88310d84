import type { PathSegment } from '../model.ts'
import { type Parsed, type Problem, parsed, problem, quoted } from './parsed.ts'

export interface PathPattern {
  readonly segments: readonly PathSegment[]
  readonly prefix: boolean
  readonly trailingSlash: boolean
}

/** RFC 3986 `pchar` without percent signs: what a segment may hold unescaped. */
const notPchar = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/u
const unreserved = /[A-Za-z0-9\-._~]/
export const paramName: RegExp = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The one form of a path in which requests are matched: RFC 3986 6.2.2, unreserved characters unescaped, the rest escaped in capitals. */
const canonicalEncoding = (path: string): string =>
  path
    .replace(/%([0-9A-Fa-f]{2})/g, (whole, hex: string) => {
      const char = String.fromCharCode(Number.parseInt(hex, 16))
      return unreserved.test(char) ? char : whole.toUpperCase()
    })
    .replace(/[^\x21-\x7e]|["<>\\^`|[\]]/gu, (char) => encodeURIComponent(char))

/** Problems that every path has in common. `braces` says whether `{` and `}` have a meaning here. */
const pathProblem = (text: string, braces: boolean): Problem | undefined => {
  if (text === '') return problem('The path is empty.', 'Write `/` for the root.')
  if (/^https?:\/\//i.test(text))
    return problem(`${quoted(text)} is a URL, not a path.`, `Write \`${/^https?:\/\/[^/]*(\/[^?#]*)?/i.exec(text)?.[1] ?? '/'}\`.`)
  if (!text.startsWith('/')) return problem(`${quoted(text)} does not start with \`/\`.`, `Write \`/${text}\`.`)
  if (text.length > 4096) return problem('The path is longer than 4096 characters.')
  if (/\p{Cc}/u.test(text)) return problem(`${quoted(text)} has a control character in it.`)
  if (!text.isWellFormed()) return problem(`${quoted(text)} has half a character in it.`)
  if (/[?#]/.test(text))
    return problem(
      `${quoted(text)} has a \`${text.includes('?') ? '?' : '#'}\`; a path ends before it.`,
      text.includes('?') ? 'Match the query with `query`.' : `Write \`${text.replace(/#.*$/, '')}\`.`,
    )
  if (text.includes('//')) return problem(`${quoted(text)} has an empty segment.`, `Write \`${text.replace(/\/{2,}/g, '/')}\`.`)
  if (/%(?![0-9A-Fa-f]{2})/.test(text))
    return problem(`${quoted(text)} has a \`%\` without two hexadecimal digits.`, `Write \`${text.replace(/%(?![0-9A-Fa-f]{2})/g, '%25')}\`.`)
  const escape = /%(?:2f|5c|2e|0[0-9a-f]|1[0-9a-f]|7f)/i.exec(text)
  if (escape !== null)
    return problem(
      `${quoted(text)} has \`${escape[0]}\`: escaped slashes, backslashes, dots and control characters are refused in requests, so this never matches.`,
    )
  const canonical = canonicalEncoding(text)
  if (canonical !== text || (!braces && notPchar.test(text)))
    return problem(`${quoted(text)} is not in the form in which paths are matched.`, `Write \`${braces ? canonical : encodeBraces(canonical)}\`.`)
  if (/\/\.{1,2}(?:\/|$)/.test(text)) return problem(`${quoted(text)} has a \`.\` or \`..\` segment; these are resolved before matching.`)
  return undefined
}

const encodeBraces = (text: string): string => text.replace(/[{}]/g, (char) => encodeURIComponent(char))

/** A plain path without parameters. */
export const path = (text: string): Parsed<string> => pathProblem(text, false) ?? parsed(text)

/** A path with an optional query, for requests that the gateway itself makes. */
export const requestPath = (text: string): Parsed<string> => {
  const [before = '', ...query] = text.split('?')
  const wrong = pathProblem(before, false)
  if (wrong !== undefined) return wrong
  return /[^\x21-\x7e]|#/u.test(query.join('?'))
    ? problem(
        `${quoted(text)} has a character in its query that has to be escaped.`,
        `Write \`${before}?${encodeURI(query.join('?')).replace('#', '%23')}\`.`,
      )
    : parsed(text)
}

/** What requests are matched by: literals, whole-segment `{params}`, and `/*` at the end. */
export const pathPattern = (text: string): Parsed<PathPattern> => {
  const wrong = pathProblem(text, true)
  if (wrong !== undefined) return wrong
  const parts = text.slice(1).split('/')
  const prefix = parts.at(-1) === '*'
  if (prefix) parts.pop()
  const trailingSlash = !prefix && parts.length > 1 && parts.at(-1) === ''
  if (parts.at(-1) === '') parts.pop()
  const segments: PathSegment[] = []
  const names = new Set<string>()
  for (const part of parts) {
    const segment = pathSegment(text, part, names)
    if ('ok' in segment) return segment
    segments.push(segment)
  }
  return parsed({ segments, prefix, trailingSlash })
}

const pathSegment = (text: string, part: string, names: Set<string>): PathSegment | Problem => {
  if (part.includes('*')) return misplacedStar(text, part)
  if (!/[{}]/.test(part)) return { literal: part }
  const name = /^\{([^{}]*)\}$/.exec(part)?.[1]
  if (name === undefined) return problem(`${quoted(part)} is neither a literal nor a parameter: \`{name}\` stands for a whole segment.`)
  if (!paramName.test(name)) return problem(`${quoted(part)} is not a parameter.`, 'A name has letters, digits and `_`, such as `{order_id}`.')
  if (name === 'rest') return problem('`{rest}` is taken: it stands for what `*` matched.', 'Choose another name.')
  if (names.has(name)) return problem(`\`{${name}}\` stands in ${quoted(text)} twice.`, 'Give each parameter its own name.')
  names.add(name)
  return { param: name }
}

const misplacedStar = (text: string, part: string): Problem => {
  const message = `${quoted(text)} has a \`*\` in the wrong place: it stands only at the end, as \`/*\`.`
  if (!text.endsWith(part)) return problem(message, 'Use `{name}` for one segment.')
  const before = text.slice(0, -part.length) + part.replace(/\*+$/, '')
  return before.includes('*') ? problem(message) : problem(message, `Write \`${before.endsWith('/') ? before : `${before}/`}*\`.`)
}
