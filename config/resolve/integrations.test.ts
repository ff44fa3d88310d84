import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { testCatalogue } from '../../test/kit/adapters.ts'
import { Findings } from '../diagnostics/findings.ts'
import type { GatewayConfig, IntegrationConfig, OperationConfig } from '../model.ts'
import { pipeline } from '../pipeline.ts'
import { SourceFile } from '../source/source-file.ts'

const configOf = (text: string, env: Readonly<Record<string, string>> = {}): GatewayConfig => {
  const { config, diagnostics } = pipeline({
    layers: [{ files: [new SourceFile('gateway.yaml', text, '/srv')] }],
    env,
    overrides: {},
    cwd: '/srv',
    readFile: () => '',
    findings: new Findings(),
    catalogue: testCatalogue,
  })
  if (config === undefined) throw new Error(JSON.stringify(diagnostics))
  return config
}

const rules = 'routing_rules: [{ path: /pay, methods: [POST], integration: payment.create_payment }]\n'
const queues = `queues: { payment.process: {}, refunds: {} }
consumers:
  payments: { queue: payment.process, deliver_to: { integration: payment.create_payment } }
`

/** @param lines Of the integration `payment`. */
const paymentWith = (lines: readonly string[], more: string = rules): string =>
  `secrets: { keys: { path: /keys } }\nintegrations:\n  payment:\n    plugin: stripe\n    auth: { type: bearer, token: "\${secret:keys#stripe}" }\n${lines.map((line) => `    ${line}\n`).join('')}${more}`

const integrationOf = ({ integrations }: GatewayConfig, name: string): IntegrationConfig => {
  const found = integrations.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

const operationOf = (config: GatewayConfig, name: string, integration = 'payment'): OperationConfig => {
  const found = integrationOf(config, integration).operations.find((one) => one.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

test('an integration arrives with units in its names, the defaults of its adapter, and its secrets as references', () => {
  const config = configOf(
    paymentWith([
      'criticality: critical',
      'rate_limit: 100/min',
      'timeout: 20s',
      'base_url: "https://pay.example.com/v1/"',
      'retry: { max_attempts: 2 }',
    ]),
  )
  expect(integrationOf(config, 'payment')).toMatchObject({
    origin: 'gateway.yaml:3:3',
    plugin: 'stripe',
    capability: 'payments',
    criticality: 'critical',
    baseUrl: 'https://pay.example.com/v1',
    auth: { type: 'bearer', token: '${secret:keys#stripe}' },
    rateLimit: { limit: 100, windowMs: 60_000 },
    timeoutMs: 20_000,
    connectTimeoutMs: 5000,
    retry: { maxAttempts: 2, backoff: 'exponential', baseDelayMs: 200, maxDelayMs: 10_000 },
    idempotencyTtlMs: 86_400_000,
    reconcile: { baseDelayMs: 1000, maxDelayMs: 300_000, giveUpAfterMs: 82_800_000 },
    settings: { webhook_max_age: '5m' },
  })
  expect(integrationOf(configOf(paymentWith([])), 'payment').baseUrl).toBe('https://api.stripe.com')
})

test('every operation of the adapter is there, and its idempotency is in the nature of it', () => {
  const config = configOf(
    paymentWith(['timeout: 20s', 'operations: { refund: { timeout: 5s, idempotency: optional, priority: P0, compensation: manual_review } }']),
  )
  expect(integrationOf(config, 'payment').operations.map(({ name, declared, idempotency }) => [name, declared, idempotency])).toEqual([
    ['create_payment', false, 'required'],
    ['capture_payment', false, 'built-in'],
    ['refund', true, 'optional'],
    ['release_authorization', false, 'built-in'],
    ['get_payment', false, 'built-in'],
  ])
  expect(operationOf(config, 'refund')).toMatchObject({ timeoutMs: 5000, priority: 0, compensation: 'manual_review' })
  expect(operationOf(config, 'create_payment')).toMatchObject({ timeoutMs: 20_000, priority: 1, settings: {} })
})

test('an operation that demands a key makes the rule demand one', () => {
  const target = (text: string) => configOf(text).routes[0]?.target
  expect(target(paymentWith([]))).toMatchObject({ type: 'operation', idempotency: { header: 'idempotency-key', required: true } })
  expect(target(paymentWith(['operations: { create_payment: { idempotency: optional } }']))).toMatchObject({ idempotency: { required: false } })
  expect(target(paymentWith(['idempotency_ttl: 7d']))).toMatchObject({ idempotency: { ttlMs: 7 * 86_400_000 } })
})

test('own failure modes come first, then those of the integration that can happen; each knows its queue and its status', () => {
  const config = configOf(
    paymentWith(
      [
        'operations: { create_payment: { failure_modes: { slow: { when: { kind: timeout, code: lock }, then: manual_review, status: 409 } } } }',
        'failure_modes:',
        '  down: { when: { status: 503 }, then: queue, tell: "Processing payment..." }',
        '  limit: { when: rate_limited, then: back_off_and_queue, delay: 60s, tell: { en: Wait, de: Warten } }',
        '  broken: { when: [{ status: 5xx }, { status: [404, 410] }], then: log_and_alert }',
      ],
      `${queues}${rules}`,
    ),
  )
  expect(operationOf(config, 'create_payment').failureModes).toEqual(
    parse(`
      - { name: slow, when: [{ kind: timeout, code: lock }], then: manual_review, status: 409 }
      - name: down
        when: [{ status: [{ from: 503, to: 503 }] }]
        then: queue
        tell: [{ language: und, text: Processing payment... }]
        status: 202
        queue: payment.process
      - name: limit
        when: [{ kind: rate_limited }]
        then: back_off_and_queue
        tell: [{ language: en, text: Wait }, { language: de, text: Warten }]
        status: 202
        queue: payment.process
        delayMs: 60000
      - name: broken
        when: [{ status: [{ from: 500, to: 599 }] }, { status: [{ from: 404, to: 404 }, { from: 410, to: 410 }] }]
        then: log_and_alert
        status: 502
    `),
  )
  expect(operationOf(config, 'refund').failureModes.map(({ name }) => name)).toEqual(['down', 'limit', 'broken'])
})

test('with several queues, that of the operation counts, and without one that of the integration', () => {
  const both = `${queues}  refunds: { queue: refunds, deliver_to: { integration: payment.refund } }\n${rules}`
  const config = configOf(
    paymentWith(['operations: { create_payment: {}, refund: {} }', 'failure_modes: { down: { when: service_down, then: queue } }'], both),
  )
  expect(['create_payment', 'refund', 'get_payment'].map((name) => operationOf(config, name).failureModes[0]?.queue)).toEqual([
    'payment.process',
    'refunds',
    undefined,
  ])
  const named = configOf(paymentWith(['queue: refunds', 'failure_modes: { down: { when: service_down, then: queue } }'], both))
  expect(operationOf(named, 'create_payment').failureModes[0]?.queue).toBe('refunds')
})

test('of a mode of the integration, an operation keeps what can happen to it', () => {
  const text = `integrations:
  email:
    plugin: sendgrid
    operations: { bulk: { batch: {} } }
    failure_modes:
      odd: { when: [invalid_email, timeout], then: skip }
      slow: { when: network_error, then: idempotent_retry }
  sign_in:
    plugin: oidc
    base_url: https://auth.example.com
    failure_modes: { down: { when: [service_down, network_error], then: use_local_session } }
routing_rules: [{ path: /mail, integration: email.bulk }, { path: /me, integration: sign_in.userinfo }]
`
  const config = configOf(text)
  expect(operationOf(config, 'bulk', 'email').failureModes.map(({ name }) => name)).toEqual(['odd', 'slow'])
  expect(operationOf(config, 'send', 'email').failureModes.map(({ name }) => name)).toEqual(['odd'])
  expect(operationOf(config, 'bulk', 'email').batch).toEqual({ size: 100, maxWaitMs: 1000 })
  expect(operationOf(config, 'userinfo', 'sign_in').failureModes).toEqual(
    parse('[{ name: down, when: [{ kind: service_down }, { kind: network_error }], then: use_local_session }]'),
  )
})

test('steps of a flow know what they call and what undoes them', () => {
  const config = configOf(
    paymentWith(
      ['operations: { create_payment: { compensation: refund }, capture_payment: { compensation: manual_review } }'],
      `services: { orders: { urls: ["http://127.0.0.1:9105"] } }
flows:
  place_order:
    deadline: 5m
    steps:
      - { name: order, service: orders, path: "/orders/{{ input.id }}", headers: { X-From: gateway }, body: { id: "{{ input.id }}" }, compensation: { service: orders, method: DELETE, path: /orders } }
      - { name: charge, integration: payment.create_payment, input: { amount: 1 }, when: "input.amount > 0", timeout: 5s, retry: { max_attempts: 2 } }
      - { name: capture, integration: payment, operation: capture_payment }
      - { name: look, integration: payment.get_payment, on_failure: continue }
      - { name: done, service: orders, method: PUT, path: /done, compensation: manual_review }
    output: "{{ steps.charge.output }}"
routing_rules: [{ path: /orders, flow: place_order, request: { id: "{{ body.id }}" } }, { path: /direct, service: orders }]
`,
    ),
  )
  const [flow] = config.flows
  expect(flow).toMatchObject({ name: 'place_order', deadlineMs: 300_000, waitMs: 10_000, keepMs: 604_800_000, output: '{{ steps.charge.output }}' })
  expect(flow?.steps.map(({ name, compensation }) => [name, compensation])).toEqual([
    ['order', { type: 'call', call: { type: 'service', service: 'orders', method: 'DELETE', path: '/orders', headers: [] } }],
    ['charge', { type: 'undo', operation: 'refund' }],
    ['capture', { type: 'manual_review' }],
    ['look', { type: 'none' }],
    ['done', { type: 'manual_review' }],
  ])
  expect(flow?.steps[0]?.call).toEqual({
    type: 'service',
    service: 'orders',
    method: 'POST',
    path: '/orders/{{ input.id }}',
    headers: [['x-from', 'gateway']],
    body: { id: '{{ input.id }}' },
  })
  expect(flow?.steps[1]).toMatchObject({
    call: { type: 'operation', integration: 'payment', operation: 'create_payment', input: { amount: 1 } },
    when: 'input.amount > 0',
    timeoutMs: 5000,
    retry: { maxAttempts: 2, baseDelayMs: 500, maxDelayMs: 60_000 },
    onFailure: 'compensate',
  })
  expect(flow?.steps[2]?.call).toMatchObject({ input: '{{ input }}' })
  expect(config.routes[0]?.target).toMatchObject({ type: 'flow', flow: 'place_order', request: { id: '{{ body.id }}' }, response: { status: 200 } })
  expect(config.routes[0]?.maxBodyBytes).toBe(1024 * 1024)
})

test('state is the store for messages unless it is named; secrets lie in the working directory', () => {
  const plain = configOf(paymentWith([]))
  expect(plain.state).toEqual(plain.messaging.store)
  expect(plain.secrets).toEqual({ root: '/srv/.headgate/secrets', secrets: [{ name: 'keys', path: '/keys', rotationMs: Number.POSITIVE_INFINITY }] })
  expect(configOf(`state: intents.db\n${paymentWith([])}`).state).toEqual({ type: 'embedded', path: '/srv/intents.db' })
  expect(configOf(`state: { type: postgresql, url: "\${secret:keys#db}" }\n${paymentWith([])}`).state).toEqual({
    type: 'postgresql',
    url: '${secret:keys#db}',
    tablePrefix: 'headgate_',
    maxConnections: 10,
    connectTimeoutMs: 5000,
    queryTimeoutMs: 5000,
  })
})

test('the hash changes with a setting, and does not hold a secret', () => {
  const hashOf = (line: string): string => configOf(paymentWith([line])).hash
  expect(hashOf('settings: { webhook_max_age: 5m }')).toBe(hashOf('settings: {}'))
  expect(hashOf('settings: { webhook_max_age: 6m }')).not.toBe(hashOf('settings: {}'))
  expect(hashOf('settings: { webhook_secret: one }')).not.toBe(hashOf('settings: { webhook_secret: two }'))
  expect(hashOf('settings: { webhook_secret: one }')).toMatch(/^[0-9a-f]{12}$/)
})
