import type { NamedMatch, RouteConfig, RouteMatch } from '../../config/model.ts'

/** The parts of a request that rules match on. */
export interface MatchInput {
  readonly method: string
  /** Lower case, without port; empty where the client sent none (HTTP/1.0). */
  readonly host: string
  /** Canonical path. */
  readonly path: string
  /** Query with its `?`, or empty. */
  readonly query: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface RouteTable<Route> {
  /** The most specific route that matches; undefined where none does. */
  find(input: MatchInput): Route | undefined
  /** Methods that would match; empty when the path itself is unknown. For the `Allow` of a 405. */
  allowed(input: MatchInput): string[]
}

export interface MatchVerdict {
  readonly route: RouteConfig
  readonly verdict: 'chosen' | 'less_specific' | 'no_match'
  readonly reasons: readonly string[]
}

/** One rule under one of its hosts. */
interface Candidate<Route> {
  readonly route: Route
  readonly match: RouteMatch
  readonly host: string | undefined
  readonly methods: ReadonlySet<string> | undefined
  readonly conditional: boolean
}

/** One node of the segment tree; children by literal segment, one for `{param}`. */
interface Node<Route> {
  readonly literals: Map<string, Node<Route>>
  param: Node<Route> | undefined
  readonly exact: Candidate<Route>[]
  readonly prefix: Candidate<Route>[]
}

const node = <Route>(): Node<Route> => ({ literals: new Map(), param: undefined, exact: [], prefix: [] })

/**
 * Tree over path segments. Order of preference: literal segment, `{param}`, `/*` at the first difference;
 * then exact host, longer `*.` suffix, no host; then methods given; then more headers; then more query.
 * A look-up costs one map access per segment, whatever the number of routes.
 */
export function routeTable<Route>(routes: Iterable<readonly [RouteMatch, Route]>): RouteTable<Route> {
  const root = node<Route>()
  for (const [match, route] of routes) insert(root, match, route)
  sortAll(root)
  return {
    find: (input) => visit(root, input, firstSegment(input.path), matches),
    allowed: (input) => {
      const methods = new Set<string>()
      visit(root, input, firstSegment(input.path), (candidate, request) => {
        if (matchesExceptMethod(candidate, request)) for (const method of candidate.methods ?? []) methods.add(method)
        return false
      })
      return [...methods].sort()
    },
  }
}

/** Where the first segment begins: `/` has none, so that its end is where the search begins. */
const firstSegment = (path: string): number => (path.length === 1 ? 2 : 1)

function insert<Route>(root: Node<Route>, match: RouteMatch, route: Route): void {
  let at = root
  for (const segment of match.segments) {
    if ('param' in segment) at = at.param ??= node()
    else at = child(at, segment.literal)
  }
  if (match.trailingSlash) at = child(at, '')
  const list = match.prefix ? at.prefix : at.exact
  const methods = match.methods.length === 0 ? undefined : new Set(match.methods)
  const conditional = match.headers.length > 0 || match.query.length > 0
  for (const host of match.hosts.length === 0 ? [undefined] : match.hosts) list.push({ route, match, host, methods, conditional })
}

function child<Route>(parent: Node<Route>, literal: string): Node<Route> {
  let next = parent.literals.get(literal)
  if (next === undefined) {
    next = node()
    parent.literals.set(literal, next)
  }
  return next
}

function sortAll<Route>(at: Node<Route>): void {
  at.exact.sort(byPreference)
  at.prefix.sort(byPreference)
  for (const next of at.literals.values()) sortAll(next)
  if (at.param !== undefined) sortAll(at.param)
}

const hostRank = (host: string | undefined): number => (host === undefined ? 0 : host.startsWith('*.') ? host.length : Number.MAX_SAFE_INTEGER)

function byPreference<Route>(a: Candidate<Route>, b: Candidate<Route>): number {
  return (
    hostRank(b.host) - hostRank(a.host) ||
    Number(b.methods !== undefined) - Number(a.methods !== undefined) ||
    b.match.headers.length - a.match.headers.length ||
    b.match.query.length - a.match.query.length
  )
}

type Accept<Route> = (candidate: Candidate<Route>, input: MatchInput) => boolean

/** Depth first in order of preference; every tree node is visited at most once per way that leads to it. */
function visit<Route>(at: Node<Route>, input: MatchInput, start: number, accept: Accept<Route>): Route | undefined {
  const { path } = input
  if (start > path.length) return pick(at.exact, input, accept) ?? pick(at.prefix, input, accept)
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  const segment = path.slice(start, end)
  const literal = at.literals.get(segment)
  if (literal !== undefined) {
    const found = visit(literal, input, end + 1, accept)
    if (found !== undefined) return found
  }
  if (at.param !== undefined && segment !== '') {
    const found = visit(at.param, input, end + 1, accept)
    if (found !== undefined) return found
  }
  return pick(at.prefix, input, accept)
}

function pick<Route>(candidates: readonly Candidate<Route>[], input: MatchInput, accept: Accept<Route>): Route | undefined {
  for (const candidate of candidates) if (accept(candidate, input)) return candidate.route
  return undefined
}

function matches<Route>(candidate: Candidate<Route>, input: MatchInput): boolean {
  if (candidate.methods !== undefined && !candidate.methods.has(input.method)) return false
  return matchesExceptMethod(candidate, input)
}

function matchesExceptMethod<Route>(candidate: Candidate<Route>, input: MatchInput): boolean {
  if (candidate.host !== undefined && !hostMatches(candidate.host, input.host)) return false
  return !candidate.conditional || (headersMatch(candidate.match.headers, input) && queryMatches(candidate.match.query, input))
}

function hostMatches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.length >= pattern.length && host.endsWith(pattern.slice(1)) : pattern === host
}

function headersMatch(wanted: readonly NamedMatch[], input: MatchInput): boolean {
  return wanted.every(({ name, value }) => {
    const actual = Object.hasOwn(input.headers, name) ? input.headers[name] : undefined
    return actual !== undefined && (value === undefined || value === String(actual))
  })
}

/** The first value of a repeated parameter counts, so that rules for different values never match one request. */
function queryMatches(wanted: readonly NamedMatch[], input: MatchInput): boolean {
  if (wanted.length === 0) return true
  const query = new URLSearchParams(input.query)
  return wanted.every(({ name, value }) => (value === undefined ? query.has(name) : query.get(name) === value))
}

/** Values of the `{params}` of a path that matches, by name, as they stand in the path (still percent-encoded). */
export function pathParams(match: RouteMatch, path: string): Record<string, string> {
  const params: Record<string, string> = Object.create(null) as Record<string, string>
  const parts = path.split('/')
  match.segments.forEach((segment, index) => {
    if ('param' in segment) params[segment.param] = parts[index + 1] ?? ''
  })
  return params
}

/** What `/*` matched: starts with `/`, or is empty for the prefix itself. */
export function pathRest(match: RouteMatch, path: string): string {
  let at = 0
  for (let i = 0; i < match.segments.length; i += 1) {
    at = path.indexOf('/', at + 1)
    if (at === -1) return ''
  }
  return path.slice(at)
}

/** Why each rule was chosen or not, in the order given; for people, not for the hot path. */
export function explainMatch(routes: readonly RouteConfig[], input: MatchInput): MatchVerdict[] {
  const chosen = routeTable(routes.map((route) => [route.match, route] as const)).find(input)
  return routes.map((route) => {
    const reasons = mismatches(route.match, input)
    if (route === chosen) return { route, verdict: 'chosen', reasons }
    if (reasons.length > 0) return { route, verdict: 'no_match', reasons }
    return { route, verdict: 'less_specific', reasons: [`matches too, but ${chosen?.name ?? 'another rule'} is more specific`] }
  })
}

function mismatches(match: RouteMatch, input: MatchInput): string[] {
  const alone = routeTable([[{ ...match, methods: [], hosts: [], headers: [], query: [] }, true] as const])
  const reasons: string[] = []
  if (alone.find(input) === undefined) reasons.push(`path ${input.path} is not ${match.path}`)
  if (match.methods.length > 0 && !match.methods.includes(input.method)) reasons.push(`method ${input.method} is not ${match.methods.join(' or ')}`)
  if (match.hosts.length > 0 && !match.hosts.some((host) => hostMatches(host, input.host))) {
    reasons.push(`host ${input.host === '' ? '(none)' : input.host} is not ${match.hosts.join(' or ')}`)
  }
  for (const wanted of match.headers) if (!headersMatch([wanted], input)) reasons.push(missing('header', wanted))
  for (const wanted of match.query) if (!queryMatches([wanted], input)) reasons.push(missing('query parameter', wanted))
  return reasons
}

const missing = (what: string, { name, value }: NamedMatch): string =>
  value === undefined ? `${what} ${name} is missing` : `${what} ${name} is not ${value}`
