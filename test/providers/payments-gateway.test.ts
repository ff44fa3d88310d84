import { Stripe } from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ProviderFault } from '../../examples/services/provider-faults.ts'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import type { PaypalStandIn } from '../kit/stand-ins/paypal.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'

/** The payment gateway of the design document, quicker; and one with PayPal behind it. */
const yaml = (stripe: string, paypal: string, subscriber: string): string => `
brokers: { default: { type: embedded } }
queues:
  payment.process: { type: topic, durable: true, ttl: 24h, dead_letter: true }
alerts:
  ops: { type: log }
services:
  shipping: { urls: ["${subscriber}"] }
events:
  PaymentSucceeded: { subscribers: { shipping: { service: shipping, path: /events } } }
integrations:
  payment:
    plugin: stripe
    base_url: ${stripe}
    auth: { type: bearer, token: sk_test_any }
    timeout: 500ms
    retry: { backoff: exponential, max_attempts: 2, base_delay: 1ms, max_delay: 5ms }
    reconcile: { base_delay: 50ms, max_delay: 200ms }
    settings: { webhook_secret: whsec_test }
    operations:
      create_payment: { idempotency: required, compensation: refund }
      capture_payment: { idempotency: built-in, compensation: release_authorization }
      refund: { idempotency: required, compensation: manual_review }
    failure_modes:
      service_down: { when: { status: 503 }, then: queue, tell: "Processing payment..." }
      rate_limited: { when: { status: 429 }, then: back_off_and_queue, tell: "High volume, please wait" }
      network_timeout: { when: timeout, then: idempotent_retry, tell: "Verifying payment..." }
      invalid_response: { when: invalid_response, then: log_and_alert, alert: ops, tell: "Technical issue" }
  doubled:
    plugin: stripe
    base_url: ${stripe}
    auth: { type: bearer, token: sk_test_any }
    timeout: 500ms
    retry: { max_attempts: 1 }
    reconcile: { base_delay: 50ms, max_delay: 200ms }
    failure_modes:
      away: { when: service_down, then: fallback, to: other }
  other:
    plugin: paypal
    base_url: ${paypal}
    auth: { type: oauth2, client_id: client, client_secret: secret }
consumers:
  payment_processor:
    queue: payment.process
    retry: { max_attempts: 3, backoff: exponential, dead_letter_after: 5 }
    deliver_to: { integration: payment.create_payment }
routing_rules:
  - { path: /api/payments, methods: [POST], integration: payment.create_payment }
  - { path: /api/doubled, methods: [POST], integration: doubled.create_payment }
  - { path: /webhooks/stripe, methods: [POST], webhook: payment }
`

let stripe: StripeStandIn
let paypal: PaypalStandIn
let subscriber: TestUpstream
let gateway: TestGateway

beforeEach(async () => {
  ;[stripe, paypal] = await Promise.all([startStripe(), startPaypal()])
  subscriber = await startUpstream((_request, response) => void response.writeHead(204).end())
  gateway = await startGateway(yaml(stripe.url, paypal.url, subscriber.url))
})
afterEach(async () => {
  await gateway.close()
  await Promise.all([stripe.close(), paypal.close(), subscriber.close()])
})

interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const pay = async (key: string, input: object = {}, path = '/api/payments'): Promise<Answer> => {
  const body = { amount: 1050, currency: 'eur', payment_method: 'pm_card_visa', reference: 'order-7', ...input }
  const headers = { 'content-type': 'application/json', 'idempotency-key': key }
  const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Answer['body'] }
}

const completed = async ({ body }: Answer): Promise<void> => {
  const path = String(body['status_url'])
  const state = async (): Promise<unknown> => ((await (await fetch(gateway.url + path)).json()) as Answer['body'])['status']
  await until('the payment is made', async () => (await state()) === 'completed', 15_000)
}

const keys = (): readonly unknown[] => [
  ...new Set(stripe.requests.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key'])),
]

describe('what the design document says of a payment gateway', () => {
  const chargedOnce = (): void => {
    expect(stripe.charges()).toEqual(new Map([['order-7', 1]]))
    expect(keys()).toHaveLength(1)
  }

  test('service down: queued, "Processing payment...", made when it is back', async () => {
    stripe.rates({ unavailable: 1 })
    const told = await pay('a')
    expect(told).toMatchObject({ status: 202, body: { message: 'Processing payment...' } })
    expect(stripe.payments()).toEqual([])
    stripe.rates({})
    await completed(told)
    chargedOnce()
    expect(await pay('a')).toMatchObject({ status: 200, body: { status: 'succeeded', amount: 1050 } })
    chargedOnce()
  })

  test('nothing listens there: the same', async () => {
    await stripe.down()
    const told = await pay('a')
    expect(told).toMatchObject({ status: 202, body: { message: 'Processing payment...' } })
    await stripe.up()
    await completed(told)
    chargedOnce()
  })

  test('rate limited: queued for as long as the provider asks, "High volume, please wait"', async () => {
    stripe.script('rate_limited', 'rate_limited')
    const beganAtMs = Date.now()
    const told = await pay('a')
    expect(told).toMatchObject({ status: 202, body: { message: 'High volume, please wait' } })
    await completed(told)
    expect(Date.now() - beganAtMs).toBeGreaterThanOrEqual(1000)
    chargedOnce()
  })

  test('no answer within the time limit: repeated with its key, "Verifying payment..."', async () => {
    stripe.script('frozen', 'frozen')
    const told = await pay('a')
    expect(told).toMatchObject({ status: 202, body: { message: 'Verifying payment...' } })
    await completed(told)
    chargedOnce()
  })

  test('an answer that is none: logged, an alert, "Technical issue"; the payment that was made is not made again', async () => {
    stripe.script('wrong_shape', 'wrong_shape')
    const told = await pay('a')
    expect(JSON.stringify(told.body)).toContain('Technical issue')
    await until('an alert is in the log', () => gateway.log.some((line) => line.includes('invalid_response')))
    await until('the outcome is known', async () => (await pay('a')).status === 200, 15_000)
    chargedOnce()
  })
})

describe('outcomes that are unknown', () => {
  const sequences: readonly { readonly faults: readonly ProviderFault[] }[] = [
    { faults: ['lost_answer'] },
    { faults: ['lost_answer', 'lost_answer', 'lost_answer'] },
    { faults: ['conflict', 'lost_answer', 'error_early'] },
  ]
  test.each(sequences)('$faults: one key, one charge', async ({ faults }) => {
    stripe.script(...faults)
    const told = await pay('a')
    if (told.status === 202) await completed(told)
    expect(stripe.charges().get('order-7')).toBe(1)
    expect(keys()).toHaveLength(1)
  })

  test('a 500 that is kept with the key hides a payment: it is found at the provider', async () => {
    stripe.script('error_after')
    const told = await pay('a')
    if (told.status === 202) await completed(told)
    expect(await pay('a')).toMatchObject({ status: 200, body: { status: 'succeeded' } })
    expect(stripe.charges().get('order-7')).toBe(1)
    expect(keys()).toHaveLength(1)
  })

  test('a payment whose answer was lost never moves to the other provider', async () => {
    stripe.script('lost_answer')
    const told = await pay('a', {}, '/api/doubled')
    if (told.status === 202) await completed(told)
    expect([stripe.charges().get('order-7'), paypal.requests.length]).toEqual([1, 0])
  })

  test('nor one whose first attempt may have been charged, when the second is refused for sure', async () => {
    stripe.script('frozen', 'unavailable', 'unavailable', 'unavailable')
    const told = await pay('a', {}, '/api/doubled')
    if (told.status === 202) await completed(told)
    expect([stripe.charges().get('order-7'), paypal.requests.length]).toEqual([1, 0])
  })

  test('one that was surely not made does move', async () => {
    await stripe.down()
    expect(await pay('a', { payment_method: 'vaulted' }, '/api/doubled')).toMatchObject({ status: 200, body: { status: 'succeeded' } })
    expect([stripe.charges().size, paypal.charges().get('order-7')]).toEqual([0, 1])
    await stripe.up()
    expect(await pay('a', { payment_method: 'vaulted' }, '/api/doubled')).toMatchObject({ status: 200 })
    expect([stripe.charges().size, paypal.charges().get('order-7')]).toEqual([0, 1])
  })
})

describe('callers', () => {
  test('who use a key for another payment are refused, and the payment is not made', async () => {
    await pay('a')
    expect(await pay('a', { amount: 1 })).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_CONFLICT' } })
    expect(stripe.payments()).toHaveLength(1)
  })

  test('hear of a declined card, and hear it again without another attempt', async () => {
    const declined = { payment_method: 'pm_card_chargeDeclined' }
    const first = await pay('a', declined)
    expect(first.status).toBeGreaterThanOrEqual(400)
    expect((await pay('a', declined)).status).toBe(first.status)
    expect(stripe.requests).toHaveLength(1)
  })
})

describe('webhooks', () => {
  const deliver = async (body: string, signature: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'stripe-signature': signature }
    return (await fetch(`${gateway.url}/webhooks/stripe`, { method: 'POST', headers, body })).status
  }
  const sign = (payload: string, timestamp = Math.floor(Date.now() / 1000)): string =>
    new Stripe('sk_test_any').webhooks.generateTestHeaderString({ payload, secret: 'whsec_test', timestamp })
  const eventOf = (id: string): string => {
    const object = { id: 'pi_1', amount: 1050, amount_received: 1050, currency: 'eur', metadata: {} }
    return JSON.stringify({ id, type: 'payment_intent.succeeded', created: Math.floor(Date.now() / 1000), data: { object } })
  }

  test('are published once, however often they come; old, altered and forged ones never', async () => {
    const event = eventOf('evt_1')
    expect(await deliver(event, sign(event, Math.floor(Date.now() / 1000) - 301))).toBe(400)
    expect(await deliver(event.replace('1050', '9999'), sign(event))).toBe(400)
    expect(await deliver(event, 't=1,v1=00')).toBe(400)
    expect(await deliver(event, sign(event))).toBe(200)
    expect(await deliver(event, sign(event))).toBe(200)
    const next = eventOf('evt_2')
    expect(await deliver(next, sign(next))).toBe(200)
    await until('both events have come', () => subscriber.seen.length >= 2)
    expect(subscriber.seen.map(({ headers }) => headers['ce-id'])).toEqual(['evt_1', 'evt_2'])
    expect(JSON.parse(subscriber.seen[0]?.body ?? '')).toEqual({ payment: 'pi_1', amount: 1050, currency: 'eur' })
  })
})
