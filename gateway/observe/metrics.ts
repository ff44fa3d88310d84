import { Registry } from 'prom-client'
import type { ErrorCode } from '../errors.ts'
import { kindCounter } from './kind-counter.ts'
import { boundedStatus, latencySeries } from './latency-series.ts'
import type { LatencySeries } from './latency-series.ts'
import { exportMetric } from './metric-export.ts'
import type { MetricSource, Sample } from './metric-export.ts'
import { ownedSeries } from './owned-series.ts'
import { exportProcessMetrics } from './process-metrics.ts'

/** What a call failed of: the code of the gateway's error in lower case, or an answer of 500..599 by the service itself. */
export type ErrorType = Lowercase<ErrorCode> | 'http_5xx'
export type BreakerState = 'closed' | 'open' | 'half_open'
/** What had too many: connections of clients, requests in flight, or calls waiting for a service. */
export type ShedReason = 'connections' | 'requests' | 'upstream'

export interface BreakerSample {
  readonly service: string
  readonly state: BreakerState
}

export interface UpstreamSample {
  readonly service: string
  /** Origin, `http://127.0.0.1:9101`. */
  readonly address: string
  readonly healthy: boolean
  readonly inFlight: number
}

export interface ReloadOutcome {
  readonly ok: boolean
  /** Of the configuration that serves now, whether or not the reload worked. */
  readonly generation: number
  readonly hash: string
}

/** What the current generations still use. */
export interface UsedSeries {
  readonly services: ReadonlySet<string>
  /** Service to path patterns, as given to `latency`. */
  readonly endpoints: ReadonlyMap<string, ReadonlySet<string>>
  /** As given to `requests`. */
  readonly routes: ReadonlySet<string>
}

/**
 * The series of one worker. Whoever counts asks for his series when a generation is built; counting is then
 * a few additions, without label objects. All is exported when somebody scrapes.
 * Label values are bounded by the configuration, never taken from requests.
 */
export interface Metrics {
  readonly registry: Registry
  /** `integration_latency_ms{service, endpoint, status}`, a histogram. @param endpoint Path pattern of the route. */
  latency(service: string, endpoint: string): Pick<LatencySeries, 'observe'>
  /** `integration_errors_total{service, error_type}`. */
  errors(service: string): { count(type: ErrorType): void }
  /** `circuit_breaker_state{service, state}`: number of breakers of the service in the state. Replaces the earlier source. */
  breakers(source: () => Iterable<BreakerSample>): void
  /** `headgate_breaker_transitions_total{service, to}`. */
  transitions(service: string): { count(to: BreakerState): void }
  /** `headgate_requests_total{route, method, code}`. @param route `unmatchedRoute` where none matched. */
  requests(route: string): { count(method: string, status: number): void }
  /** `headgate_retries_total{service}` and `headgate_retry_budget_exhausted_total{service}`. */
  retries(service: string): { retried(): void; exhausted(): void }
  /** `headgate_upstream_healthy` and `headgate_upstream_in_flight`, both `{service, address}`. Replaces the earlier source. */
  upstreams(source: () => Iterable<UpstreamSample>): void
  /** `headgate_requests_in_flight`, `headgate_connections`, `headgate_draining` (0 or 1): the owner writes, a scrape reads. */
  readonly gauges: { requestsInFlight: number; connections: number; draining: number }
  /** `headgate_connections_total`, `headgate_access_log_dropped_total`: the owner adds, a scrape reads. */
  readonly totals: { connections: number; accessLogDropped: number }
  /** `headgate_config_*`: success, reloads by result, generation, hash, time of the last reload. */
  reload(outcome: ReloadOutcome): void
  /** `headgate_shed_total{reason}`. */
  shed(reason: ShedReason): void
  /** Drops the series nobody uses any more, so that memory stays bounded over reloads; the others go on counting. */
  retain(used: UsedSeries): void
}

export interface MetricsOptions {
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number
  /** Whether the process metrics are shown; true by default. */
  readonly process?: boolean
}

/** Route label of requests that match no route. */
export const unmatchedRoute = '(none)'

const methods = ['OTHER', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const methodNumbers: ReadonlyMap<string, number> = new Map(methods.map((method, index) => [method, index]))
const methodFactor = 1000
const breakerStates = ['closed', 'open', 'half_open'] as const

/** Never throws, apart from what the sources given to it throw at scrape time. */
export const metrics = (options: MetricsOptions = {}): Metrics => {
  const now = options.now ?? Date.now
  const registry = new Registry()
  const latencies = ownedSeries(service => ownedSeries(endpoint => latencySeries(service, endpoint)))
  const errors = ownedSeries(() => kindCounter<ErrorType>())
  const transitions = ownedSeries(() => kindCounter<BreakerState>())
  const requests = ownedSeries(() => kindCounter<number>())
  const retries = ownedSeries(() => ({ retried: 0, exhausted: 0 }))
  const sheds = kindCounter<ShedReason>()
  const reloads = kindCounter<'success' | 'failure'>()
  const gauges = { requestsInFlight: 0, connections: 0, draining: 0 }
  const totals = { connections: 0, accessLogDropped: 0 }
  let breakers: () => Iterable<BreakerSample> = () => []
  let upstreams: () => Iterable<UpstreamSample> = () => []
  let lastReload: (ReloadOutcome & { readonly atMs: number }) | undefined

  const add = (source: MetricSource): void => exportMetric(registry, source)
  const perService = (counters: Iterable<[string, { readonly counts: ReadonlyMap<string, number> }]>, label: string): Sample[] =>
    [...counters].flatMap(([service, { counts }]) => [...counts].map(([kind, value]) => ({ labels: { service, [label]: kind }, value })))
  const ofReload = (value: (reload: ReloadOutcome & { readonly atMs: number }) => number, labels: (reload: ReloadOutcome) => Sample['labels'] = () => ({})): Sample[] =>
    lastReload === undefined ? [] : [{ labels: labels(lastReload), value: value(lastReload) }]

  add({
    name: 'integration_latency_ms',
    help: 'Time from the request to the end of the response headers, in milliseconds.',
    type: 'histogram',
    aggregator: 'sum',
    collect: () => [...latencies.entries()].flatMap(([, endpoints]) => [...endpoints.entries()].flatMap(([, series]) => series.samples('integration_latency_ms'))),
  })
  add({ name: 'integration_errors_total', help: 'Failed calls by service and kind of failure.', type: 'counter', aggregator: 'sum', collect: () => perService(errors.entries(), 'error_type') })
  add({ name: 'circuit_breaker_state', help: 'Circuit breakers of the service that are in the state.', type: 'gauge', aggregator: 'sum', collect: () => breakerSamples(breakers()) })
  add({ name: 'headgate_breaker_transitions_total', help: 'Changes of state of circuit breakers.', type: 'counter', aggregator: 'sum', collect: () => perService(transitions.entries(), 'to') })
  add({ name: 'headgate_requests_total', help: 'Requests by route, method and status code.', type: 'counter', aggregator: 'sum', collect: () => [...requests.entries()].flatMap(requestSamples) })
  for (const [kind, name, help] of [
    ['retried', 'headgate_retries_total', 'Attempts after the first.'],
    ['exhausted', 'headgate_retry_budget_exhausted_total', 'Retries that were due and not made because the retry budget was used up.'],
  ] as const) {
    add({ name, help, type: 'counter', aggregator: 'sum', collect: () => [...retries.entries()].map(([service, counts]) => ({ labels: { service }, value: counts[kind] })) })
  }
  add({
    name: 'headgate_upstream_healthy',
    help: 'Whether the address gets calls (1) or not (0); the least of all workers.',
    type: 'gauge',
    aggregator: 'min',
    collect: () => Array.from(upstreams(), ({ service, address, healthy }) => ({ labels: { service, address }, value: healthy ? 1 : 0 })),
  })
  add({
    name: 'headgate_upstream_in_flight',
    help: 'Calls in flight to the address.',
    type: 'gauge',
    aggregator: 'sum',
    collect: () => Array.from(upstreams(), ({ service, address, inFlight }) => ({ labels: { service, address }, value: inFlight })),
  })
  for (const [kind, name, help, aggregator] of [
    ['requestsInFlight', 'headgate_requests_in_flight', 'Requests in flight.', 'sum'],
    ['connections', 'headgate_connections', 'Open client connections.', 'sum'],
    ['draining', 'headgate_draining', 'Whether the process is shutting down.', 'max'],
  ] as const) {
    add({ name, help, type: 'gauge', aggregator, collect: () => [{ labels: {}, value: gauges[kind] }] })
  }
  for (const [kind, name, help] of [
    ['connections', 'headgate_connections_total', 'Client connections accepted.'],
    ['accessLogDropped', 'headgate_access_log_dropped_total', 'Access log lines lost because the destination was slow or broken.'],
  ] as const) {
    add({ name, help, type: 'counter', aggregator: 'sum', collect: () => [{ labels: {}, value: totals[kind] }] })
  }
  add({ name: 'headgate_shed_total', help: 'Work refused because there was too much of it.', type: 'counter', aggregator: 'sum', collect: () => Array.from(sheds.counts, ([reason, value]) => ({ labels: { reason }, value })) })
  add({ name: 'headgate_config_reload_success', help: 'Whether the last reload worked.', type: 'gauge', aggregator: 'min', collect: () => ofReload(({ ok }) => (ok ? 1 : 0)) })
  add({ name: 'headgate_config_reloads_total', help: 'Reloads by result.', type: 'counter', aggregator: 'max', collect: () => Array.from(reloads.counts, ([result, value]) => ({ labels: { result }, value })) })
  add({ name: 'headgate_config_generation', help: 'Number of the configuration that serves, counted from the start.', type: 'gauge', aggregator: 'max', collect: () => ofReload(({ generation }) => generation) })
  add({ name: 'headgate_config_info', help: 'Hash of the configuration that serves.', type: 'gauge', aggregator: 'max', collect: () => ofReload(() => 1, ({ hash }) => ({ hash })) })
  add({ name: 'headgate_config_last_reload_timestamp_seconds', help: 'When the configuration was last loaded, with or without success.', type: 'gauge', aggregator: 'max', collect: () => ofReload(({ atMs }) => atMs / 1000) })
  if (options.process !== false) exportProcessMetrics(registry)

  return {
    registry,
    latency: (service, endpoint) => latencies.of(service).of(endpoint),
    errors: service => ({ count: errors.of(service).add }),
    breakers: source => void (breakers = source),
    transitions: service => ({ count: transitions.of(service).add }),
    requests: route => {
      const { add: count } = requests.of(route)
      return { count: (method, status) => count((methodNumbers.get(method) ?? 0) * methodFactor + boundedStatus(status)) }
    },
    retries: service => {
      const counts = retries.of(service)
      return { retried: () => void (counts.retried += 1), exhausted: () => void (counts.exhausted += 1) }
    },
    upstreams: source => void (upstreams = source),
    gauges,
    totals,
    reload: outcome => {
      lastReload = { ...outcome, atMs: now() }
      reloads.add(outcome.ok ? 'success' : 'failure')
    },
    shed: sheds.add,
    retain: ({ services, endpoints, routes }) => {
      for (const perServiceSeries of [errors, transitions, retries]) perServiceSeries.retain(services)
      latencies.retain(endpoints)
      for (const [service, series] of latencies.entries()) series.retain(endpoints.get(service) ?? new Set())
      requests.retain({ has: route => route === unmatchedRoute || routes.has(route) })
    },
  }
}

const requestSamples = ([route, { counts }]: [string, { readonly counts: ReadonlyMap<number, number> }]): Sample[] =>
  Array.from(counts, ([kind, value]) => ({ labels: { route, method: methods[Math.trunc(kind / methodFactor)] ?? 'OTHER', code: kind % methodFactor }, value }))

const breakerSamples = (breakers: Iterable<BreakerSample>): Sample[] => {
  const services = new Map<string, Record<BreakerState, number>>()
  for (const { service, state } of breakers) {
    const counts = services.get(service) ?? { closed: 0, open: 0, half_open: 0 }
    counts[state] += 1
    services.set(service, counts)
  }
  return [...services].flatMap(([service, counts]) => breakerStates.map(state => ({ labels: { service, state }, value: counts[state] })))
}
