import { AggregatorRegistry } from 'prom-client'
import type { MetricSnapshot } from '../fleet.ts'

/** Sums the metrics of several workers, each by its own aggregator, into Prometheus text. */
export const metricsText = (snapshots: readonly (readonly MetricSnapshot[])[]): Promise<string> =>
  AggregatorRegistry.aggregate(mutable(snapshots)).metrics()

/**
 * Adds what an ended worker had counted to what the ended ones before it had, so that sums never fall when a worker
 * is replaced. Gauges describe a process that is no more, and are left out.
 */
export const addRetired = async (retired: readonly MetricSnapshot[], last: readonly MetricSnapshot[]): Promise<readonly MetricSnapshot[]> => {
  const counted = last.filter((metric) => isCounted(metric))
  const sum = AggregatorRegistry.aggregate(mutable([retired, counted]))
  return sum.getMetricsAsJSON()
}

// Snapshots carry the type as text, whatever the declaration of prom-client says.
const isCounted = (metric: MetricSnapshot): boolean => {
  const type = String(metric.type)
  return type === 'counter' || type === 'histogram'
}

const mutable = (snapshots: readonly (readonly MetricSnapshot[])[]): MetricSnapshot[][] => snapshots.map((snapshot) => [...snapshot])
