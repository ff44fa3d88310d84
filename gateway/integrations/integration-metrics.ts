import type { FailureKind } from '../plugin.ts'
import type { CircuitState } from '../policies/circuit-breaker.ts'
import type { StoredFailure } from './operation.ts'

/** What is counted of one operation; asked for once, when it is built. */
export interface OperationSeries {
  /** An attempt that was made: `integration_latency_ms`, and `integration_errors_total` where it failed. */
  observe(failure: StoredFailure | undefined, ms: number): void
  /** `headgate_retries_total`. */
  retried(): void
  /** `integration_errors_total` of what was held back, and of what failed without an attempt. */
  failed(kind: FailureKind): void
  /** `headgate_failure_modes_total{integration, mode}`. */
  mode(name: string): void
  /** `headgate_duplicates_possible_total{integration}`: a fallback took over after an unknown outcome. */
  duplicatePossible(): void
}

export interface IntegrationMetrics {
  operation(integration: string, operation: string): OperationSeries
  /** `headgate_breaker_transitions_total`. */
  transitions(integration: string): { count(to: CircuitState): void }
  /** `headgate_intents{state}`; replaces the earlier source. */
  intents(source: () => Readonly<Record<string, number>>): void
  /** Drops the series of integrations that are gone. */
  retain(integrations: { has(name: string): boolean }): void
}
