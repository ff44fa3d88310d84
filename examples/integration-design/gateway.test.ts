import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { load } from '../../config/load.ts'

/** The YAML blocks of the integration design document, letter for letter. */
const blocks = [
  `routing_rules:
  - path: /api/users/*
    service: user-service
    timeout: 5s
    retries: 2
    circuit_breaker:
      threshold: 50%
      timeout: 30s

  - path: /api/orders/*
    service: order-service
    timeout: 10s
    retries: 1
    circuit_breaker:
      threshold: 30%
      timeout: 60s
`,
  `consumers:
  payment_processor:
    queue: payment.process
    prefetch: 10
    concurrency: 5
    timeout: 300s
    retry:
      max_attempts: 3
      backoff: exponential
      dead_letter_after: 5
`,
  `secrets:
  database:
    path: /prod/database/credentials
    rotation: 90d

  api_keys:
    path: /prod/external/api-keys
    rotation: 180d

  certificates:
    path: /prod/tls/certs
    rotation: 365d
`,
  `metrics:
  - name: integration_latency_ms
    type: histogram
    labels: [service, endpoint, status]

  - name: integration_errors_total
    type: counter
    labels: [service, error_type]

  - name: circuit_breaker_state
    type: gauge
    labels: [service, state]
`,
  `services:
  user-service:
    dns: user-service.prod.svc.cluster.local
    consul: prod/services/user
    health_check: /health

  order-service:
    dns: order-service.prod.svc.cluster.local
    consul: prod/services/order
    health_check: /health
`,
  `health_checks:
  external_apis:
    - url: https://api.payment.com/health
      interval: 30s
      timeout: 5s

  internal_services:
    - service: user-service
      endpoint: /health
      interval: 10s

  message_queues:
    - queue: payment.process
      check: queue_depth < 1000
      interval: 60s
`,
]

test('the file is made of the blocks of the design document, letter for letter', async () => {
  const { sources } = await load({ paths: ['gateway.yaml'], env: {}, cwd: import.meta.dirname })
  const text = sources.get('gateway.yaml') ?? ''
  for (const block of blocks) expect(text).toContain(block)
  expect(Object.keys(parse(text) as object).sort()).toEqual(blocks.flatMap((block) => Object.keys(parse(block) as object)).sort())
})

test('it loads with nothing but warnings, which name what is not active', async () => {
  const { config, diagnostics } = await load({ paths: [join(import.meta.dirname, 'gateway.yaml')], env: {}, cwd: '/' })
  expect(diagnostics.map(({ code, message }) => `${code} ${message.split(':')[0]}`)).toEqual([
    'HG4001 `consul` is not active in this version',
    'HG4001 `consumers` is not active in this version',
    'HG4001 `health_checks.external_apis` is not active in this version',
    'HG4001 `health_checks.message_queues` is not active in this version',
    'HG4001 `secrets` is not active in this version',
  ])
  expect(
    config?.routes.map(({ match, timeoutMs, retry, circuitBreaker }) => [
      match.path,
      timeoutMs,
      retry?.maxAttempts,
      circuitBreaker?.thresholdPercent,
      circuitBreaker?.resetTimeoutMs,
    ]),
  ).toEqual([
    ['/api/users/*', 5000, 3, 50, 30_000],
    ['/api/orders/*', 10_000, 2, 30, 60_000],
  ])
  expect(config?.services.map(({ name, dns, healthCheck }) => [name, dns?.name, dns?.port, healthCheck?.path])).toEqual([
    ['user-service', 'user-service.prod.svc.cluster.local', 80, '/health'],
    ['order-service', 'order-service.prod.svc.cluster.local', 80, '/health'],
  ])
})
