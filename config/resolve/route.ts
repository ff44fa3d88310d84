import type {
  CircuitBreakerConfig,
  CorsConfig,
  HeaderEdits,
  HeaderPair,
  NamedMatch,
  RetryConfig,
  RewriteConfig,
  RouteConfig,
  RouteMatch,
  RouteTarget,
} from '../model.ts'
import type { ValidRule } from './input.ts'
import { readBytes, readDurationMs, readPathPattern, readPercent } from './readers.ts'

/** One validated rule to a route. @param origin Where the rule stands, `file:line:col`. */
export const resolveRoute = (rule: ValidRule, origin: string): RouteConfig => {
  const match = resolveMatch(rule)
  return {
    id: routeId(match),
    name: rule.name ?? rule.path,
    origin,
    match,
    target: resolveTarget(rule),
    timeoutMs: readDurationMs(rule.timeout),
    idleTimeoutMs: readDurationMs(rule.idle_timeout),
    deadlineMs: rule.deadline === undefined ? Number.POSITIVE_INFINITY : readDurationMs(rule.deadline),
    ...optional('retry', resolveRetry(rule)),
    ...optional('circuitBreaker', resolveBreaker(rule)),
    ...optional('rewrite', resolveRewrite(rule)),
    ...optional('requestHeaders', resolveEdits(rule.request_headers)),
    ...optional('responseHeaders', resolveEdits(rule.response_headers)),
    ...optional('cors', resolveCors(rule)),
    maxBodyBytes: readBytes(rule.max_body),
    ...optional('mirror', rule.mirror && { service: rule.mirror.service, percent: readPercent(rule.mirror.percent) }),
  }
}

const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  value === undefined ? {} : ({ [key]: value } as { [P in K]?: V })

/** What a rule matches, in the form in which requests are compared. */
export const resolveMatch = (rule: Pick<ValidRule, 'path' | 'methods' | 'hosts' | 'headers' | 'query'>): RouteMatch => {
  const { segments, prefix, trailingSlash } = readPathPattern(rule.path)
  const methods = new Set(rule.methods)
  if (methods.has('GET')) methods.add('HEAD')
  return {
    path: rule.path,
    segments,
    prefix,
    trailingSlash,
    methods: [...methods],
    hosts: (rule.hosts ?? []).map((host) => host.toLowerCase().replace(/\.$/, '')),
    headers: namedMatches(rule.headers, (name) => name.toLowerCase()),
    query: namedMatches(rule.query, (name) => name),
  }
}

const namedMatches = (entries: Readonly<Record<string, string>> | undefined, fold: (name: string) => string): NamedMatch[] =>
  Object.entries(entries ?? {}).map(([name, value]) => (value === '*' ? { name: fold(name) } : { name: fold(name), value }))

/** Equal for rules that match the same requests; the order in which conditions are written does not matter. */
export const routeId = ({ segments, prefix, trailingSlash, methods, hosts, headers, query }: RouteMatch): string => {
  const path = segments.map((segment) => ('param' in segment ? '{}' : segment.literal)).join('/')
  const named = (matches: readonly NamedMatch[]): string[] => matches.map(({ name, value }) => JSON.stringify([name, value ?? null])).sort()
  return JSON.stringify([
    `/${path}${prefix ? (path === '' ? '*' : '/*') : trailingSlash ? '/' : ''}`,
    methods.toSorted(),
    hosts.toSorted(),
    named(headers),
    named(query),
  ])
}

const resolveTarget = (rule: ValidRule): RouteTarget => {
  if (rule.service !== undefined) return { type: 'service', service: rule.service }
  if (rule.split !== undefined) return { type: 'split', choices: rule.split.map(({ service, weight }) => ({ service, weight })) }
  if (rule.redirect !== undefined) return { type: 'redirect', to: rule.redirect.to, status: rule.redirect.status }
  if (rule.respond !== undefined) return resolveRespond(rule.respond)
  throw new TypeError(`the rule for ${rule.path} was accepted without a target`)
}

const resolveRespond = (respond: NonNullable<ValidRule['respond']>): RouteTarget => {
  const headers = pairs(respond.headers)
  const isJson = Object.hasOwn(respond, 'json')
  const body = isJson ? JSON.stringify(respond.json) : respond.body
  const hasType = headers.some(([name]) => name === 'content-type')
  const type: HeaderPair = ['content-type', isJson ? 'application/json' : 'text/plain; charset=utf-8']
  return { type: 'respond', status: respond.status, headers: hasType || body === '' ? headers : [type, ...headers], body }
}

const resolveRetry = ({ retries, backoff, retry_budget: budget, idempotency_key: key }: ValidRule): RetryConfig | undefined =>
  retries === 0
    ? undefined
    : {
        maxAttempts: retries + 1,
        baseDelayMs: readDurationMs(backoff.base_delay),
        maxDelayMs: readDurationMs(backoff.max_delay),
        budgetPercent: readPercent(budget.percent),
        budgetMinPerSecond: budget.min_per_second,
        ...optional('idempotencyHeader', key?.toLowerCase()),
      }

const resolveBreaker = ({ circuit_breaker: breaker }: ValidRule): CircuitBreakerConfig | undefined =>
  breaker && {
    thresholdPercent: readPercent(breaker.threshold),
    resetTimeoutMs: readDurationMs(breaker.timeout),
    windowMs: readDurationMs(breaker.window),
    volume: breaker.volume,
  }

const resolveRewrite = ({ strip_prefix: stripPrefix, rewrite }: ValidRule): RewriteConfig | undefined =>
  rewrite === undefined ? (stripPrefix === undefined ? undefined : { stripPrefix }) : { template: rewrite }

const resolveEdits = (edits: ValidRule['request_headers']): HeaderEdits | undefined =>
  edits && { set: pairs(edits.set), add: pairs(edits.add), remove: (edits.remove ?? []).map((name) => name.toLowerCase()) }

const pairs = (headers: Readonly<Record<string, string>> | undefined): HeaderPair[] =>
  Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value])

const resolveCors = ({ cors }: ValidRule): CorsConfig | undefined =>
  cors && {
    origins: cors.origins,
    methods: cors.methods,
    headers: cors.headers.map((name) => name.toLowerCase()),
    exposeHeaders: cors.expose_headers.map((name) => name.toLowerCase()),
    credentials: cors.credentials,
    maxAgeSeconds: Math.floor(readDurationMs(cors.max_age) / 1000),
  }
