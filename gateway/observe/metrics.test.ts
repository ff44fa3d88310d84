import { PerformanceObserver } from 'node:perf_hooks'
import { AggregatorRegistry } from 'prom-client'
import { describe, expect, test, vi } from 'vitest'
import { errorCatalogue } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { latencyBucketsMs } from './latency-series.ts'
import { metrics, unmatchedRoute } from './metrics.ts'
import type { ErrorType, Metrics, MetricsOptions } from './metrics.ts'

const own = (options: MetricsOptions = {}): Metrics => metrics({ process: false, ...options })

/** Lines of one metric, without help and type. */
const lines = async (source: { metrics(): Promise<string> }, name: string): Promise<string[]> =>
  (await source.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))

const seriesCount = async ({ registry }: Metrics): Promise<number> =>
  (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length

const aggregated = async (...all: Metrics[]): Promise<{ metrics(): Promise<string> }> =>
  // Workers send their metrics as JSON over a channel.
  AggregatorRegistry.aggregate(
    await Promise.all(all.map(async ({ registry }) => JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as object)),
  )

describe('integration_latency_ms', () => {
  test('is a cumulative histogram with exactly the labels service, endpoint, status', async () => {
    const all = own()
    const series = all.latency('user-service', '/api/users/*')
    series.observe(200, 0.4)
    series.observe(200, 5)
    series.observe(200, 70_000)
    const text = await all.registry.getSingleMetricAsString('integration_latency_ms')
    const labels = 'service="user-service",endpoint="/api/users/*",status="200"'
    const counts = [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    expect(text.split('\n')).toEqual([
      '# HELP integration_latency_ms Time from the request to the end of the response headers, in milliseconds.',
      '# TYPE integration_latency_ms histogram',
      ...latencyBucketsMs.map((bound, index) => `integration_latency_ms_bucket{le="${bound}",${labels}} ${counts[index]}`),
      `integration_latency_ms_bucket{le="+Inf",${labels}} 3`,
      `integration_latency_ms_sum{${labels}} 70005.4`,
      `integration_latency_ms_count{${labels}} 3`,
    ])
  })

  test('escapes what a configuration may write into a label', async () => {
    const all = own()
    all.latency('a"b\\c\nd', '/').observe(200, 1)
    expect(await lines(all.registry, 'integration_latency_ms_count')).toEqual([
      'integration_latency_ms_count{service="a\\"b\\\\c\\nd",endpoint="/",status="200"} 1',
    ])
  })

  test('counts statuses that cannot be as 500', async () => {
    const all = own()
    for (const status of [0, 99, 600, 1000, Number.NaN, -1]) all.latency('a', '/').observe(status, 1)
    expect(await lines(all.registry, 'integration_latency_ms_count')).toEqual([
      'integration_latency_ms_count{service="a",endpoint="/",status="500"} 6',
    ])
  })
})

describe('counters', () => {
  test('integration_errors_total has exactly the labels service, error_type', async () => {
    const all = own()
    all.errors('a').count('upstream_timeout')
    all.errors('a').count('upstream_timeout')
    all.errors('a').count('http_5xx')
    expect(await lines(all.registry, 'integration_errors_total')).toEqual([
      'integration_errors_total{service="a",error_type="upstream_timeout"} 2',
      'integration_errors_total{service="a",error_type="http_5xx"} 1',
    ])
  })

  test('headgate_requests_total counts by route, method and code', async () => {
    const all = own()
    all.requests('/a').count('GET', 200)
    all.requests('/a').count('GET', 200)
    all.requests('/a').count('PATCH', 204)
    all.requests(unmatchedRoute).count('BREW', 404)
    expect(await lines(all.registry, 'headgate_requests_total')).toEqual([
      'headgate_requests_total{route="/a",method="GET",code="200"} 2',
      'headgate_requests_total{route="/a",method="PATCH",code="204"} 1',
      'headgate_requests_total{route="(none)",method="OTHER",code="404"} 1',
    ])
  })

  test('retries, transitions, sheds and totals', async () => {
    const all = own()
    const retries = all.retries('a')
    retries.retried()
    retries.retried()
    retries.exhausted()
    all.transitions('a').count('half_open')
    all.shed('requests')
    all.totals.connections += 3
    all.totals.accessLogDropped += 4
    const text = await all.registry.metrics()
    for (const line of [
      'headgate_retries_total{service="a"} 2',
      'headgate_retry_budget_exhausted_total{service="a"} 1',
      'headgate_breaker_transitions_total{service="a",to="half_open"} 1',
      'headgate_shed_total{reason="requests"} 1',
      'headgate_connections_total 3',
      'headgate_access_log_dropped_total 4',
    ]) {
      expect(text).toContain(`\n${line}\n`)
    }
  })
})

describe('gauges', () => {
  test('circuit_breaker_state counts the breakers of a service in each state at scrape time', async () => {
    const all = own()
    const breakers: { service: string; state: 'closed' | 'open' | 'half_open' }[] = [
      { service: 'a', state: 'closed' },
      { service: 'a', state: 'open' },
    ]
    all.breakers(() => breakers)
    breakers.push({ service: 'a', state: 'open' })
    expect(await lines(all.registry, 'circuit_breaker_state')).toEqual([
      'circuit_breaker_state{service="a",state="closed"} 1',
      'circuit_breaker_state{service="a",state="open"} 2',
      'circuit_breaker_state{service="a",state="half_open"} 0',
    ])
  })

  test('upstreams and plain gauges are read at scrape time', async () => {
    const all = own()
    all.upstreams(() => [{ service: 'a', address: 'http://127.0.0.1:1', healthy: false, inFlight: 7 }])
    all.gauges.requestsInFlight = 5
    const text = await all.registry.metrics()
    expect(text).toContain('headgate_upstream_healthy{service="a",address="http://127.0.0.1:1"} 0\n')
    expect(text).toContain('headgate_upstream_in_flight{service="a",address="http://127.0.0.1:1"} 7\n')
    expect(text).toContain('headgate_requests_in_flight 5\n')
  })

  test('a reload that failed says so and keeps generation and hash', async () => {
    const all = own({ now: () => 1_700_000_000_000 })
    all.reload({ ok: true, generation: 1, hash: 'abc' })
    all.reload({ ok: false, generation: 1, hash: 'abc' })
    const text = await all.registry.metrics()
    for (const line of [
      'headgate_config_reload_success 0',
      'headgate_config_reloads_total{result="success"} 1',
      'headgate_config_reloads_total{result="failure"} 1',
      'headgate_config_generation 1',
      'headgate_config_info{hash="abc"} 1',
      'headgate_config_last_reload_timestamp_seconds 1700000000',
    ]) {
      expect(text).toContain(`\n${line}\n`)
    }
  })

  test('only the hash that serves is shown', async () => {
    const all = own()
    for (const hash of ['a', 'b', 'c']) all.reload({ ok: true, generation: 1, hash })
    expect(await lines(all.registry, 'headgate_config_info')).toEqual(['headgate_config_info{hash="c"} 1'])
  })
})

describe('cardinality', () => {
  test('stays bounded whatever 100,000 requests bring', async () => {
    const all = own()
    const requests = all.requests(unmatchedRoute)
    const latency = all.latency('a', '/*')
    for (let number = 0; number < 100_000; number += 1) {
      requests.count(`FOO${number}`, number)
      latency.observe(number, 1)
    }
    const statuses = 500
    const before = await seriesCount(own())
    expect(await seriesCount(all)).toBe(before + statuses + statuses * (latencyBucketsMs.length + 3))
  })

  test('retain drops what no generation uses, and the kept series go on counting', async () => {
    const all = own()
    const kept = all.requests('/kept')
    for (const name of ['kept', 'gone']) {
      all.latency(name, '/x').observe(200, 1)
      all.latency(name, '/y').observe(200, 1)
      all.errors(name).count('internal')
      all.transitions(name).count('open')
      all.retries(name).retried()
      all.requests(`/${name}`).count('GET', 200)
    }
    all.requests(unmatchedRoute).count('GET', 404)
    all.retain({ services: new Set(['kept']), endpoints: new Map([['kept', new Set(['/x'])]]), routes: new Set(['/kept']) })
    kept.count('GET', 200)
    all.latency('kept', '/x').observe(200, 1)
    const text = await all.registry.metrics()
    expect(text).not.toContain('gone')
    expect(text).not.toContain('endpoint="/y"')
    expect(text).toContain('headgate_requests_total{route="/kept",method="GET",code="200"} 2\n')
    expect(text).toContain('integration_latency_ms_count{service="kept",endpoint="/x",status="200"} 2\n')
    expect(text).toContain('route="(none)"')
  })
})

describe('several workers', () => {
  test('add up, apart from what would make no sense as a sum', async () => {
    const [one, two] = [own({ now: () => 1000 }), own({ now: () => 2000 })]
    for (const worker of [one, two]) {
      worker.latency('a', '/').observe(200, 3)
      worker.errors('a').count('internal')
      worker.requests('/').count('GET', 200)
      worker.breakers(() => [{ service: 'a', state: 'closed' }])
      worker.gauges.connections = 10
      worker.upstreams(() => [{ service: 'a', address: 'http://x', healthy: worker === one, inFlight: 2 }])
      worker.reload({ ok: worker === one, generation: 4, hash: 'abc' })
    }
    const text = await (await aggregated(one, two)).metrics()
    for (const line of [
      'integration_latency_ms_bucket{le="2.5",service="a",endpoint="/",status="200"} 0',
      'integration_latency_ms_bucket{le="5",service="a",endpoint="/",status="200"} 2',
      'integration_latency_ms_sum{service="a",endpoint="/",status="200"} 6',
      'integration_errors_total{service="a",error_type="internal"} 2',
      'headgate_requests_total{route="/",method="GET",code="200"} 2',
      'circuit_breaker_state{service="a",state="closed"} 2',
      'headgate_connections 20',
      'headgate_upstream_healthy{service="a",address="http://x"} 0',
      'headgate_upstream_in_flight{service="a",address="http://x"} 4',
      'headgate_config_reload_success 0',
      'headgate_config_generation 4',
      'headgate_config_info{hash="abc"} 1',
      'headgate_config_last_reload_timestamp_seconds 2',
    ]) {
      expect(text).toContain(`\n${line}\n`)
    }
  })

  test('a worker that has not counted yet changes nothing', async () => {
    const one = own()
    one.latency('a', '/').observe(200, 3)
    one.reload({ ok: true, generation: 1, hash: 'abc' })
    expect(await lines(await aggregated(one, own()), 'headgate_config_reload_success')).toEqual(['headgate_config_reload_success 1'])
  })
})

describe('text', () => {
  test('is what the registry says, letter for letter', async () => {
    const all = own({ now: () => 1000 })
    expect(await all.text()).toBe(await all.registry.metrics())
    for (let number = 0; number < 300; number += 1) all.latency('a"b\\c\nd', `/${number}`).observe(200 + number, 0.1 * number)
    all.latency('never called', '/')
    all.requests('/a').count('GET', 200)
    all.reload({ ok: true, generation: 1, hash: 'abc' })
    expect(await all.text()).toBe(await all.registry.metrics())
  })

  test('lets other work through between its slices', async () => {
    const all = own()
    for (let number = 0; number < 1000; number += 1) all.latency('a', `/${number}`).observe(200, 1)
    let turns = 0
    let done = false
    const count = (): void => {
      turns += 1
      if (!done) setImmediate(count)
    }
    setImmediate(count)
    await all.text()
    done = true
    expect(turns).toBeGreaterThanOrEqual(10)
  })
})

describe('registry', () => {
  test('has the process metrics, and they aggregate too', async () => {
    const [one, two] = [metrics(), metrics()]
    expect(await (await aggregated(one, two)).metrics()).toMatch(/^process_resident_memory_bytes \d+$/m)
  })

  test('watches the process once, however many registries there are', () => {
    metrics()
    const observe = vi.spyOn(PerformanceObserver.prototype, 'observe')
    metrics()
    expect(observe).not.toHaveBeenCalled()
    observe.mockRestore()
  })

  test('every line is one Prometheus understands', async () => {
    const all = metrics()
    all.latency('a"', '/{id}').observe(200, 1.5)
    all.reload({ ok: true, generation: 1, hash: 'abc' })
    for (const line of (await all.registry.metrics()).trimEnd().split('\n')) {
      expect(line).toMatch(/^$|^# (HELP|TYPE) [a-z0-9_]+ .+$|^[a-z0-9_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? -?[0-9.e+-]+$/)
    }
  })
})

test('every error of the gateway has its error_type', () => {
  const types: ErrorType[] = (Object.keys(errorCatalogue) as ErrorCode[]).map((code) => code.toLowerCase() as Lowercase<ErrorCode>)
  expect(new Set(types).size).toBe(Object.keys(errorCatalogue).length)
})
