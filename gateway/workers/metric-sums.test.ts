import { expect, test } from 'vitest'
import { metrics } from '../observe/metrics.ts'
import type { Metrics } from '../observe/metrics.ts'
import { addRetired, metricsText } from './metric-sums.ts'

const worker = (requests: number): Metrics => {
  const series = metrics({ process: false })
  const route = series.requests('/a')
  for (let count = 0; count < requests; count += 1) route.count('GET', 200)
  series.latency('users', '/a').observe(200, 3)
  series.gauges.connections = requests
  return series
}

const lines = (text: string, name: string): string[] => text.split('\n').filter((line) => line.startsWith(name))

test('counters, histograms and gauges of all workers are added up', async () => {
  const text = await metricsText(await Promise.all([worker(2), worker(3)].map((one) => one.registry.getMetricsAsJSON())))
  expect(lines(text, 'headgate_requests_total')).toEqual(['headgate_requests_total{route="/a",method="GET",code="200"} 5'])
  expect(lines(text, 'integration_latency_ms_count')).toEqual(['integration_latency_ms_count{service="users",endpoint="/a",status="200"} 2'])
  expect(lines(text, 'headgate_connections ')).toEqual(['headgate_connections 5'])
})

test('what an ended worker counted stays in the sums; its gauges go with it', async () => {
  const ended = await worker(7).registry.getMetricsAsJSON()
  const retired = await addRetired(await addRetired([], ended), ended)
  const text = await metricsText([retired, await worker(1).registry.getMetricsAsJSON()])
  expect(lines(text, 'headgate_requests_total')).toEqual(['headgate_requests_total{route="/a",method="GET",code="200"} 15'])
  expect(lines(text, 'integration_latency_ms_bucket{le="5"')).toEqual([
    'integration_latency_ms_bucket{le="5",service="users",endpoint="/a",status="200"} 3',
  ])
  expect(lines(text, 'headgate_connections ')).toEqual(['headgate_connections 1'])
})
