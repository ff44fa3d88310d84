import { setImmediate } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import type { Series } from './series.ts'

const latencyName = 'integration_latency_ms'
/** Series written in one go: about a millisecond's work. */
const seriesPerTurn = 100

/**
 * What `registry.metrics()` says, letter for letter, without holding up requests: the latency histograms of ten thousand
 * routes are nearly two hundred thousand lines, which the registry writes in one go.
 */
export const metricsText = async (registry: Registry, series: Series): Promise<string> => {
  const parts: string[] = []
  for (const { name, help } of registry.getMetricsAsArray()) {
    parts.push(name === latencyName ? await latencyText(help, series) : await registry.getSingleMetricAsString(name))
  }
  return `${parts.join('\n\n')}\n`
}

const latencyText = async (help: string, series: Series): Promise<string> => {
  const parts = [`# HELP ${latencyName} ${help}`, `# TYPE ${latencyName} histogram`]
  for (const [, endpoints] of series.latencies.entries()) {
    for (const [, latency] of endpoints.entries()) {
      const text = latency.text(latencyName)
      if (text !== '') parts.push(text)
      if (parts.length % seriesPerTurn === 0) await setImmediate()
    }
  }
  return parts.join('\n')
}
