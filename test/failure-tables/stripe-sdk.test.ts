import { Stripe } from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { noStripeMock, startStripeMock, stripeMockNote } from '../kit/stripe-mock.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { until } from '../kit/until.ts'
import { startDoor } from './provider-door.ts'
import type { ProviderDoor } from './provider-door.ts'

let gateway: TestGateway
let sdk: Stripe

const start = async (yaml: string): Promise<void> => {
  gateway = await startGateway(yaml)
  sdk = new Stripe('sk_test_sdk', { host: '127.0.0.1', port: gateway.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false })
}

const proxyYaml = (stripe: string): string => `
services:
  stripe: { urls: ["${stripe}"] }
routing_rules:
  - { path: "/v1/*", service: stripe }
`

const charge = { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa', confirm: true } as const
const withoutRedirects = { automatic_payment_methods: { enabled: true, allow_redirects: 'never' } } as const

/** As shops use the SDK: everything that the gateway's own adapter uses too. */
const wholeStory = async (): Promise<void> => {
  const made = await sdk.paymentIntents.create({ ...charge, ...withoutRedirects, capture_method: 'manual' }, { idempotencyKey: 'sdk-1' })
  expect(made).toMatchObject({ object: 'payment_intent' })
  expect(await sdk.paymentIntents.retrieve(made.id)).toMatchObject({ object: 'payment_intent' })
  expect(await sdk.paymentIntents.capture(made.id, {}, { idempotencyKey: 'sdk-2' })).toMatchObject({ object: 'payment_intent' })
  expect(await sdk.refunds.create({ payment_intent: made.id }, { idempotencyKey: 'sdk-3' })).toMatchObject({ object: 'refund' })
  expect(await sdk.paymentIntents.list({ limit: 3 })).toMatchObject({ object: 'list' })
  expect((await sdk.refunds.list({ limit: 3 })).data.length).toBeGreaterThanOrEqual(1)
}

describe.skipIf(noStripeMock)(`the official SDK through a proxy rule, in front of stripe-mock${stripeMockNote}`, () => {
  test('pays, captures, refunds and reads, and Stripe finds nothing wrong', async () => {
    const mock = await startStripeMock()
    try {
      await start(proxyYaml(mock.url))
      await wholeStory()
      await expect(sdk.paymentIntents.create({ currency: 'eur' } as never)).rejects.toMatchObject({ statusCode: 400 })
    } finally {
      await gateway.close()
      await mock.stop()
    }
  })
})

describe('the official SDK, in front of a stand-in', () => {
  let stripe: StripeStandIn
  let door: ProviderDoor

  beforeEach(async () => {
    stripe = await startStripe()
    door = await startDoor(stripe.url)
  })
  afterEach(async () => {
    await gateway.close()
    await Promise.all([door.close(), stripe.close()])
  })

  test('through a proxy rule: its keys reach Stripe, answers and errors reach it unchanged', async () => {
    await start(proxyYaml(door.url))
    await wholeStory()
    expect(door.posts().map(({ headers }) => headers['idempotency-key'])).toEqual(['sdk-1', 'sdk-2', 'sdk-3'])
    const again = await sdk.paymentIntents.create({ ...charge, ...withoutRedirects, capture_method: 'manual' }, { idempotencyKey: 'sdk-1' })
    expect(again.lastResponse.headers['idempotent-replayed']).toBe('true')
    expect(stripe.payments()).toHaveLength(1)
    await expect(sdk.paymentIntents.create({ ...charge, amount: 1 }, { idempotencyKey: 'sdk-1' })).rejects.toMatchObject({
      type: 'StripeIdempotencyError',
    })
    await expect(sdk.paymentIntents.create({ ...charge, ...withoutRedirects, payment_method: 'pm_card_chargeDeclined' })).rejects.toMatchObject({
      type: 'StripeCardError',
      code: 'card_declined',
    })
  })

  const operationYaml = (): string => `
brokers: { default: { type: embedded } }
queues:
  payment.process: { type: topic, durable: true, ttl: 24h, dead_letter: true }
consumers:
  payment_processor: { queue: payment.process, deliver_to: { integration: payment.create_payment } }
integrations:
  payment:
    plugin: stripe
    base_url: ${door.url}
    auth: { type: bearer, token: sk_test_of_the_gateway }
    timeout: 500ms
    retry: { backoff: exponential, max_attempts: 3, base_delay: 1ms, max_delay: 20ms }
    reconcile: { base_delay: 50ms, max_delay: 200ms }
    failure_modes:
      service_down: { when: { status: 503 }, then: queue, tell: "Processing payment..." }
      network_timeout: { when: timeout, then: idempotent_retry, tell: "Verifying payment..." }
routing_rules:
  - path: /v1/payment_intents
    methods: [POST]
    integration: payment.create_payment
    request:
      amount: "{{ int(body.amount) }}"
      currency: "{{ body.currency }}"
      payment_method: "{{ body.payment_method }}"
      reference: "{{ body.metadata.order }}"
    response:
      body: &intent
        object: payment_intent
        id: "{{ output.id }}"
        status: "{{ output.status }}"
        amount: "{{ output.amount }}"
        currency: "{{ output.currency }}"
        metadata: { order: "{{ output.reference }}" }
  - path: /v1/payment_intents/{payment}
    methods: [GET]
    integration: payment.get_payment
    response: { body: *intent }
  - path: /v1/payment_intents/{payment}/capture
    methods: [POST]
    integration: payment.capture_payment
    request: { payment: "{{ params.payment }}" }
    response: { body: *intent }
  - path: /v1/refunds
    methods: [POST]
    integration: payment.refund
    request: { payment: "{{ body.payment_intent }}", amount: "{{ int(body.amount) }}" }
    response: { body: { object: refund, id: "{{ output.id }}", payment_intent: "{{ output.payment }}", amount: "{{ output.amount }}", status: "{{ output.status }}" } }
`
  const order = { ...charge, metadata: { order: 'order-7' } }

  /** The SDK knows an error by a field `error`, not by the status: what the gateway refuses comes as an object, which has to be looked at. */
  const refused = async (parameters: Stripe.PaymentIntentCreateParams, idempotencyKey: string): Promise<unknown> => {
    const answer = await sdk.paymentIntents.create(parameters, { idempotencyKey })
    expect(answer.lastResponse.statusCode).toBeGreaterThanOrEqual(400)
    return answer
  }

  describe('through rules for operations', () => {
    beforeEach(() => start(operationYaml()))

    test('its forms become inputs, outputs become what it expects, and its key names the intent', async () => {
      const made = await sdk.paymentIntents.create(order, { idempotencyKey: 'sdk-1' })
      expect(made).toMatchObject({ object: 'payment_intent', status: 'succeeded', amount: 1050, currency: 'eur', metadata: { order: 'order-7' } })
      expect(await sdk.paymentIntents.retrieve(made.id)).toMatchObject({ id: made.id, status: 'succeeded' })
      const refund = await sdk.refunds.create({ payment_intent: made.id, amount: 50 }, { idempotencyKey: 'sdk-2' })
      expect(refund).toMatchObject({ object: 'refund', payment_intent: made.id, amount: 50, status: 'succeeded' })

      expect((await sdk.paymentIntents.create(order, { idempotencyKey: 'sdk-1' })).id).toBe(made.id)
      expect(stripe.charges().get('order-7')).toBe(1)
      const authorizations = new Set(door.knocks.map(({ headers }) => headers.authorization))
      expect([...authorizations]).toEqual(['Bearer sk_test_of_the_gateway'])
      expect(door.posts().map(({ headers }) => headers['idempotency-key'])).not.toContain('sdk-1')
      expect(await refused({ ...order, amount: 1 }, 'sdk-1')).toMatchObject({ status: 422, code: 'IDEMPOTENCY_CONFLICT' })
      const body = new URLSearchParams({ amount: '1050', currency: 'eur', payment_method: 'pm_card_visa', 'metadata[order]': 'order-7' })
      const nameless = await fetch(`${gateway.url}/v1/payment_intents`, { method: 'POST', body })
      expect([nameless.status, await nameless.json()]).toMatchObject([400, { code: 'IDEMPOTENCY_KEY_MISSING' }])
      expect(stripe.charges().get('order-7')).toBe(1)
    })

    test('when Stripe is down, it sees a payment in process, and later the payment', async () => {
      door.always({ status: 503, body: { error: { type: 'api_error', message: 'away' } } })
      const pending = await sdk.paymentIntents.create(order, { idempotencyKey: 'sdk-1' })
      expect(pending).toMatchObject({ status: 'processing', message: 'Processing payment...' })
      expect(pending.lastResponse.statusCode).toBe(202)
      door.always('pass')
      const now = async (): Promise<Stripe.PaymentIntent> => sdk.paymentIntents.create(order, { idempotencyKey: 'sdk-1' })
      await until('it is paid', async () => (await now()).status === 'succeeded', 15_000)
      expect(stripe.charges().get('order-7')).toBe(1)
    })

    test('a declined card and a lost answer end as they should', async () => {
      const declined = await refused({ ...order, payment_method: 'pm_card_chargeDeclined' }, 'sdk-1')
      expect(declined).toMatchObject({ status: 422, code: 'OPERATION_FAILED', failure: 'rejected', provider_code: 'card_declined' })
      door.script('cut')
      expect(await sdk.paymentIntents.create({ ...order, metadata: { order: 'order-8' } }, { idempotencyKey: 'sdk-2' })).toMatchObject({
        status: 'succeeded',
      })
      expect(stripe.charges().get('order-8')).toBe(1)
    })
  })
})
