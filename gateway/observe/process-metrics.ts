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
  for (const metric of shared.getMetricsAsArray()) registry.registerMetric(metric as unknown as Metric)
}
