import type { IntegrationMetrics } from '../integrations/integration-metrics.ts'
import { statusOfKind } from '../integrations/failure.ts'
import { kindCounter } from './kind-counter.ts'
import type { KindCounter } from './kind-counter.ts'
import type { CircuitState } from '../policies/circuit-breaker.ts'
import type { FailureKind } from '../plugin.ts'
import type { LatencySeries } from './latency-series.ts'
import { counter, gauge } from './metric-sources.ts'
import type { MetricSource } from './metric-export.ts'
import { ownedSeries } from './owned-series.ts'
import type { OwnedSeries } from './owned-series.ts'

/** What is counted of integrations beside what every service has. */
export interface IntegrationSeries {
  /** By integration. */
  readonly modes: OwnedSeries<KindCounter<string>>
  readonly duplicates: OwnedSeries<{ count: number }>
  intents: () => Readonly<Record<string, number>>
}

/** Those of all services; here the service is the integration, the endpoint its operation. */
interface SharedSeries {
  readonly latencies: OwnedSeries<OwnedSeries<LatencySeries>>
  readonly errors: OwnedSeries<{ add(kind: FailureKind): void }>
  readonly retries: OwnedSeries<{ retried: number }>
  readonly transitions: OwnedSeries<{ add(to: CircuitState): void }>
}

export const emptyIntegrationSeries = (): IntegrationSeries => ({
  modes: ownedSeries(() => kindCounter()),
  duplicates: ownedSeries(() => ({ count: 0 })),
  intents: () => ({}),
})

/** How those who count see the series. */
export const integrationMetrics = (series: SharedSeries & { readonly integrations: IntegrationSeries }): IntegrationMetrics => {
  const { modes, duplicates } = series.integrations
  return {
    operation: (integration, operation) => {
      const latency = series.latencies.of(integration).of(operation)
      const errors = series.errors.of(integration)
      const retries = series.retries.of(integration)
      const ofModes = modes.of(integration)
      const doubles = duplicates.of(integration)
      return {
        observe: (failure, ms) => {
          latency.observe(failure === undefined ? 200 : (failure.status ?? statusOfKind(failure.kind)), ms)
          if (failure !== undefined) errors.add(failure.kind)
        },
        failed: (kind) => errors.add(kind),
        retried: () => void (retries.retried += 1),
        mode: ofModes.add,
        duplicatePossible: () => void (doubles.count += 1),
      }
    },
    transitions: (integration) => ({ count: series.transitions.of(integration).add }),
    intents: (source) => void (series.integrations.intents = source),
    retain: (integrations) => {
      modes.retain(integrations)
      duplicates.retain(integrations)
    },
  }
}

export const integrationCatalogue = (series: IntegrationSeries): readonly MetricSource[] => [
  // A fact of the store, the same for every worker that asks.
  gauge('headgate_intents', 'Intents of integrations by state.', 'max', () =>
    Object.entries(series.intents()).map(([state, value]) => ({ labels: { state }, value })),
  ),
  counter('headgate_failure_modes_total', 'Failures of operations that a declared failure mode took care of.', () =>
    [...series.modes.entries()].flatMap(([integration, { counts }]) =>
      Array.from(counts, ([mode, value]) => ({ labels: { integration, mode }, value })),
    ),
  ),
  counter('headgate_duplicates_possible_total', 'Fallbacks that took over although the first provider may have done it.', () =>
    Array.from(series.duplicates.entries(), ([integration, { count }]) => ({ labels: { integration }, value: count })),
  ),
]
