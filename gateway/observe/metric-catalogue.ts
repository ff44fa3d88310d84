import { flowCatalogue } from './flow-series.ts'
import { integrationCatalogue } from './integration-series.ts'
import { messagingCatalogue } from './messaging-catalogue.ts'
import type { Sample, MetricSource } from './metric-export.ts'
import { counter, gauge, single } from './metric-sources.ts'
import { requestLabels } from './request-kind.ts'
import type { BreakerSample, BreakerState, ReloadOutcome, Series } from './series.ts'

/**
 * Every metric of the gateway: name, help, type, how workers add up, and where its values are.
 * The first three are the design document's, with exactly its names and labels.
 * @param now Milliseconds since the epoch.
 */
export const metricCatalogue = (series: Series, now: () => number): readonly MetricSource[] => [
  {
    name: 'integration_latency_ms',
    help: 'Time from the request to the end of the response headers, in milliseconds.',
    type: 'histogram',
    aggregator: 'sum',
    collect: () =>
      [...series.latencies.entries()].flatMap(([, endpoints]) =>
        [...endpoints.entries()].flatMap(([, latency]) => latency.samples('integration_latency_ms')),
      ),
  },
  counter('integration_errors_total', 'Failed calls by service and kind of failure.', () => perService(series.errors.entries(), 'error_type')),
  gauge('circuit_breaker_state', 'Circuit breakers of the service that are in the state.', 'sum', () => breakerSamples(series.breakers())),

  counter('headgate_breaker_transitions_total', 'Changes of state of circuit breakers.', () => perService(series.transitions.entries(), 'to')),
  counter('headgate_requests_total', 'Requests by route, method and status code.', () =>
    [...series.requests.entries()].flatMap(([route, { counts }]) =>
      Array.from(counts, ([kind, value]) => ({ labels: { route, ...requestLabels(kind) }, value })),
    ),
  ),
  counter('headgate_retries_total', 'Attempts after the first.', () =>
    Array.from(series.retries.entries(), ([service, { retried }]) => ({ labels: { service }, value: retried })),
  ),
  counter('headgate_retry_budget_exhausted_total', 'Retries that were due and not made because the retry budget was used up.', () =>
    Array.from(series.retries.entries(), ([service, { exhausted }]) => ({ labels: { service }, value: exhausted })),
  ),
  counter('headgate_shed_total', 'Work refused because there was too much of it.', () =>
    Array.from(series.sheds.counts, ([reason, value]) => ({ labels: { reason }, value })),
  ),

  gauge('headgate_upstream_healthy', 'Whether the address gets calls (1) or not (0); the least of all workers.', 'min', () =>
    Array.from(series.upstreams(), ({ service, address, healthy }) => ({ labels: { service, address }, value: healthy ? 1 : 0 })),
  ),
  gauge('headgate_upstream_in_flight', 'Calls in flight to the address.', 'sum', () =>
    Array.from(series.upstreams(), ({ service, address, inFlight }) => ({ labels: { service, address }, value: inFlight })),
  ),

  gauge('headgate_requests_in_flight', 'Requests in flight.', 'sum', () => single(series.gauges.requestsInFlight)),
  gauge('headgate_connections', 'Open client connections.', 'sum', () => single(series.gauges.connections)),
  gauge('headgate_draining', 'Whether the process is shutting down.', 'max', () => single(series.gauges.draining)),
  counter('headgate_connections_total', 'Client connections accepted.', () => single(series.totals.connections)),
  counter('headgate_access_log_dropped_total', 'Access log lines lost because the destination was slow or broken.', () =>
    single(series.totals.accessLogDropped),
  ),

  gauge('headgate_config_reload_success', 'Whether the last reload worked.', 'min', () => ofReload(series, ({ ok }) => (ok ? 1 : 0))),
  // Every worker reloads when one does: the sum would count each reload once per worker.
  {
    ...counter('headgate_config_reloads_total', 'Reloads by result.', () =>
      Array.from(series.reloads.counts, ([result, value]) => ({ labels: { result }, value })),
    ),
    aggregator: 'max',
  },
  gauge('headgate_config_generation', 'Number of the configuration that serves, counted from the start.', 'max', () =>
    ofReload(series, ({ generation }) => generation),
  ),
  gauge('headgate_config_info', 'Hash of the configuration that serves.', 'max', () =>
    ofReload(
      series,
      () => 1,
      ({ hash }) => ({ hash }),
    ),
  ),
  gauge('headgate_config_last_reload_timestamp_seconds', 'When the configuration was last loaded, with or without success.', 'max', () =>
    ofReload(series, ({ atMs }) => atMs / 1000),
  ),
  ...messagingCatalogue(series.messaging, now),
  ...integrationCatalogue(series.integrations),
  ...flowCatalogue(series.flows),
]

const perService = (counters: Iterable<[string, { readonly counts: ReadonlyMap<string, number> }]>, label: string): Sample[] =>
  [...counters].flatMap(([service, { counts }]) => Array.from(counts, ([kind, value]) => ({ labels: { service, [label]: kind }, value })))

type Reload = ReloadOutcome & { readonly atMs: number }

/** Nothing before the first reload, so that a process that loads no configuration does not pull minima down. */
const ofReload = ({ lastReload }: Series, value: (reload: Reload) => number, labels: (reload: Reload) => Sample['labels'] = () => ({})): Sample[] =>
  lastReload === undefined ? [] : [{ labels: labels(lastReload), value: value(lastReload) }]

const breakerStates = ['closed', 'open', 'half_open'] as const satisfies readonly BreakerState[]

const breakerSamples = (breakers: Iterable<BreakerSample>): Sample[] => {
  const services = new Map<string, Record<BreakerState, number>>()
  for (const { service, state } of breakers) {
    const counts = services.get(service) ?? { closed: 0, open: 0, half_open: 0 }
    counts[state] += 1
    services.set(service, counts)
  }
  return [...services].flatMap(([service, counts]) => breakerStates.map((state) => ({ labels: { service, state }, value: counts[state] })))
}
