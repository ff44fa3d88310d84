import { idempotency as idempotencySchema, routingRule } from '../../schemas/routing-rules.ts'
import type {
  CorsConfig,
  EventConfig,
  GatewayConfig,
  HeaderEdits,
  HeaderPair,
  IdempotencyConfig,
  IntegrationConfig,
  JsonTemplate,
  NamedMatch,
  ResponseConfig,
  RetryConfig,
  RewriteConfig,
  RouteConfig,
  RouteMatch,
  RouteTarget,
} from '../model.ts'
import { resolveBreaker } from './circuit-breaker.ts'
import { eventsTarget } from './consumer.ts'
import type { ValidRule } from './input.ts'
import { readBytes, readDurationMs, readPathPattern, readPercent } from './readers.ts'

type MessageLimit = (target: RouteTarget) => number

/** What rules need to know of the messages. */
export interface RuleMessaging {
  readonly events: readonly EventConfig[]
  readonly maxMessageBytes: MessageLimit
  readonly integrations: readonly IntegrationConfig[]
}

/**
 * One validated rule to a route.
 * @param origin Where the rule stands, `file:line:col`.
 * @param isWritten Whether the rule itself says this key.
 */
export const resolveRoute = (rule: ValidRule, origin: string, isWritten: (...steps: string[]) => boolean, messaging: RuleMessaging): RouteConfig => {
  const match = resolveMatch(rule)
  const target = resolveTarget(rule, isWritten, messaging)
  const maxBodyBytes = readBytes(rule.max_body)
  return {
    id: routeId(match),
    name: rule.name ?? rule.path,
    origin,
    match,
    target,
    timeoutMs: readDurationMs(rule.timeout),
    idleTimeoutMs: readDurationMs(rule.idle_timeout),
    deadlineMs: rule.deadline === undefined ? Number.POSITIVE_INFINITY : readDurationMs(rule.deadline),
    ...optional('retry', resolveRetry(rule)),
    ...optional('circuitBreaker', rule.circuit_breaker && resolveBreaker(rule.circuit_breaker)),
    ...optional('rewrite', resolveRewrite(rule)),
    ...optional('requestHeaders', resolveEdits(rule.request_headers)),
    ...optional('responseHeaders', resolveEdits(rule.response_headers)),
    ...optional('cors', resolveCors(rule)),
    maxBodyBytes: isWritten('max_body') ? maxBodyBytes : Math.min(maxBodyBytes, messaging.maxMessageBytes(target)),
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

const resolveTarget = (rule: ValidRule, isWritten: (...steps: string[]) => boolean, { events, integrations }: RuleMessaging): RouteTarget => {
  if (rule.service !== undefined) return { type: 'service', service: rule.service }
  if (rule.split !== undefined) return { type: 'split', choices: rule.split.map(({ service, weight }) => ({ service, weight })) }
  if (rule.redirect !== undefined) return { type: 'redirect', to: rule.redirect.to, status: rule.redirect.status }
  if (rule.respond !== undefined) return resolveRespond(rule.respond)
  if (rule.queue !== undefined) return { type: 'queue', queue: rule.queue, idempotency: resolveIdempotency(rule.idempotency) }
  if (rule.events !== undefined) return eventsTarget(rule.events, events)
  const request = rule.request === undefined ? {} : { request: rule.request as JsonTemplate }
  if (rule.integration !== undefined && rule.operation !== undefined) {
    const { integration, operation } = rule
    const provider = integrations.find(({ name }) => name === integration)
    const required = provider?.operations.some((one) => one.name === operation && one.idempotency === 'required') === true
    const own = resolveIdempotency(rule.idempotency)
    const ttlMs = isWritten('idempotency', 'ttl') ? own.ttlMs : (provider?.idempotencyTtlMs ?? own.ttlMs)
    const idempotency = { ...own, ttlMs, required: own.required || required }
    return { type: 'operation', integration, operation, idempotency, ...request, response: resolveResponse(rule.response) }
  }
  if (rule.flow !== undefined)
    return { type: 'flow', flow: rule.flow, idempotency: resolveIdempotency(rule.idempotency), ...request, response: resolveResponse(rule.response) }
  if (rule.webhook !== undefined) return { type: 'webhook', integration: rule.webhook }
  throw new TypeError(`the rule for ${rule.path} was accepted without a target`)
}

const { header, required, ttl } = idempotencySchema.properties

const resolveIdempotency = (written: ValidRule['idempotency']): IdempotencyConfig => ({
  header: (written?.header ?? header.default).toLowerCase(),
  required: written?.required ?? required.default,
  ttlMs: readDurationMs(written?.ttl ?? ttl.default),
})

const resolveResponse = (response: ValidRule['response']): ResponseConfig => ({
  status: response?.status ?? routingRule.properties.response.properties.status.default,
  headers: pairs(response?.headers),
  ...(response?.body !== undefined && { body: response.body as JsonTemplate }),
})

/** Bodies that are read as a whole, and go nowhere that has a limit of its own: bytes. */
const wholeBodyBytes = 1024 * 1024
/** Providers collect events before they send them. */
const webhookBytes = 4 * 1024 * 1024

/** What every broker that a target may publish to takes, and what is held in memory, in bytes; Infinity for bodies that are passed on. */
export const messageLimits = ({ brokers, queues, events }: Pick<GatewayConfig, 'brokers' | 'queues' | 'events'>): MessageLimit => {
  const ofBroker = new Map(brokers.map(({ name, maxMessageBytes }) => [name, maxMessageBytes]))
  const limitsOf = (declared: readonly { readonly name: string; readonly broker: string }[]): ReadonlyMap<string, number> =>
    new Map(declared.map(({ name, broker }) => [name, ofBroker.get(broker) ?? Number.POSITIVE_INFINITY]))
  const [ofQueue, ofEvent] = [limitsOf(queues), limitsOf(events)]
  return (target) => {
    if (target.type === 'queue') return ofQueue.get(target.queue) ?? Number.POSITIVE_INFINITY
    if (target.type === 'operation' || target.type === 'flow') return wholeBodyBytes
    if (target.type === 'webhook') return webhookBytes
    return target.type === 'events'
      ? Math.min(...target.events.map((name) => ofEvent.get(name) ?? Number.POSITIVE_INFINITY))
      : Number.POSITIVE_INFINITY
  }
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
