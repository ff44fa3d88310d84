import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { load } from '../../config/load.ts'

/** The YAML blocks of the integration design document, letter for letter, and its table of queues. */
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
  `queues:
  payment.process: { type: topic,  durable: true, ttl: 24h, dead_letter: true,  purpose: Payment processing }
  email.send:      { type: direct, durable: true, ttl: 1h,  dead_letter: true,  purpose: Email delivery }
  audit.log:       { type: fanout, durable: true, ttl: ∞,   dead_letter: false, purpose: Audit trail }
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

test('it loads with nothing but warnings, which name what is not active and what nobody takes', async () => {
  const { config, diagnostics } = await load({ paths: [join(import.meta.dirname, 'gateway.yaml')], env: {}, cwd: '/' })
  expect(diagnostics.map(({ code, message }) => `${code} ${message.split(':')[0]}`)).toEqual([
    'HG4001 `consul` is not active in this version',
    'HG4009 Nobody publishes to the queue `email.send`, and nobody takes from it.',
    'HG4009 Nobody publishes to the queue `audit.log`, and nobody takes from it.',
    'HG4008 The consumer `payment_processor` delivers to nobody, so its messages wait.',
    'HG4001 `health_checks.external_apis` is not active in this version',
    'HG4001 `health_checks.message_queues` is not active in this version',
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

test('the queues and the consumer mean what the document says', async () => {
  const { config } = await load({ paths: [join(import.meta.dirname, 'gateway.yaml')], env: {}, cwd: '/srv' })
  const day = 86_400_000
  expect(config?.queues.map(({ name, type, durable, ttlMs, deadLetter, purpose }) => [name, type, durable, ttlMs, deadLetter, purpose])).toEqual([
    ['payment.process', 'topic', true, day, true, 'Payment processing'],
    ['email.send', 'direct', true, day / 24, true, 'Email delivery'],
    ['audit.log', 'fanout', true, Number.POSITIVE_INFINITY, false, 'Audit trail'],
  ])
  expect(config?.consumers).toMatchObject([
    {
      name: 'payment_processor',
      queue: 'payment.process',
      prefetch: 10,
      concurrency: 5,
      timeoutMs: 300_000,
      retry: { maxAttempts: 3, backoff: 'exponential' },
      redelivery: { deadLetterAfter: 5, backoff: 'exponential' },
    },
  ])
  expect(config?.brokers).toMatchObject([{ name: 'default', type: 'embedded', path: '/srv/.headgate/messages.db' }])
})
