import { Registry } from 'prom-client'
import type { FlowMetrics } from '../flows/flow-metrics.ts'
import type { IntegrationMetrics } from '../integrations/integration-metrics.ts'
import type { MessagingMetrics } from '../messaging/messaging-metrics.ts'
import type { LatencySeries } from './latency-series.ts'
import { flowMetrics } from './flow-series.ts'
import { integrationMetrics } from './integration-series.ts'
import { messagingMetrics } from './messaging-series.ts'
import { metricCatalogue } from './metric-catalogue.ts'
import { exportMetric } from './metric-export.ts'
import { metricsText } from './metrics-text.ts'
import { exportProcessMetrics } from './process-metrics.ts'
import { requestKind } from './request-kind.ts'
import { emptySeries } from './series.ts'
import type { BreakerSample, BreakerState, ErrorType, ReloadOutcome, Series, ShedReason, UpstreamSample } from './series.ts'

export type { BreakerSample, BreakerState, ErrorType, ReloadOutcome, ShedReason, UpstreamSample } from './series.ts'

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
  /** `integration_errors_total{service, error_type}`: every failed attempt counts, whether or not it was repeated. */
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
  /** What brokers, queues and consumers count. */
  readonly messaging: MessagingMetrics
  /** What operations of integrations count. */
  readonly integrations: IntegrationMetrics
  readonly flows: FlowMetrics
  /** The exposition: as `registry.metrics()`, in slices that let requests through in between. */
  text(): Promise<string>
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

/** Never throws, apart from what the sources given to it throw at scrape time. */
export const metrics = (options: MetricsOptions = {}): Metrics => {
  const now = options.now ?? Date.now
  const registry = new Registry()
  const series = emptySeries()
  for (const source of metricCatalogue(series, now)) exportMetric(registry, source)
  if (options.process !== false) exportProcessMetrics(registry)
  return {
    registry,
    latency: (service, endpoint) => series.latencies.of(service).of(endpoint),
    errors: (service) => ({ count: series.errors.of(service).add }),
    breakers: (source) => void (series.breakers = source),
    transitions: (service) => ({ count: series.transitions.of(service).add }),
    requests: (route) => {
      const { add } = series.requests.of(route)
      return { count: (method, status) => add(requestKind(method, status)) }
    },
    retries: (service) => {
      const counts = series.retries.of(service)
      return { retried: () => void (counts.retried += 1), exhausted: () => void (counts.exhausted += 1) }
    },
    upstreams: (source) => void (series.upstreams = source),
    gauges: series.gauges,
    totals: series.totals,
    reload: (outcome) => {
      series.lastReload = { ...outcome, atMs: now() }
      series.reloads.add(outcome.ok ? 'success' : 'failure')
    },
    shed: series.sheds.add,
    messaging: messagingMetrics(series.messaging),
    integrations: integrationMetrics(series),
    flows: flowMetrics(series.flows),
    text: () => metricsText(registry, series),
    retain: (used) => retain(series, used),
  }
}

const retain = (series: Series, { services, endpoints, routes }: UsedSeries): void => {
  for (const ofServices of [series.errors, series.transitions, series.retries]) ofServices.retain(services)
  series.latencies.retain(endpoints)
  for (const [service, ofEndpoints] of series.latencies.entries()) ofEndpoints.retain(endpoints.get(service) ?? new Set())
  series.requests.retain({ has: (route) => route === unmatchedRoute || routes.has(route) })
}
