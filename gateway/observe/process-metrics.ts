import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Metric } from 'prom-client'

let shared: Registry | undefined

/**
 * Adds the process metrics (CPU, memory, event loop lag, garbage collection, handles) to `registry`.
 *
 * prom-client starts a garbage collection observer and an event loop monitor for them and gives no way to stop
 * either. They describe the process, so the process has them once, however many registries show them.
 */
export const exportProcessMetrics = (registry: Registry): void => {
  if (shared === undefined) {
    shared = new Registry()
    collectDefaultMetrics({ register: shared })
  }
  // The registry's type leaves out that its metrics are metrics.
  for (const metric of shared.getMetricsAsArray() as unknown as readonly Metric[]) registry.registerMetric(finiteOnly(metric))
}

/** The event loop monitor says NaN when it has seen nothing since the last scrape; as JSON between processes that would become null. */
const finiteOnly = (metric: Metric): Metric => {
  const get = async (): Promise<object> => {
    const current = await metric.get()
    return { ...current, values: [...current.values].filter(({ value }) => Number.isFinite(value)) }
  }
  return Object.create(metric, { get: { value: get }, getForPromString: { value: undefined } }) as Metric
}
