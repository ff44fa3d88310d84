import { Stripe } from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startStripeProcess } from '../kit/stand-ins/stripe-child.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'
import type { StripeStandIn } from '../kit/stand-ins/stripe.ts'
import { until } from '../kit/until.ts'

let server: StripeStandIn
beforeEach(async () => {
  server = await startStripe({ slowMs: 50 })
})
afterEach(() => server.close())

const sdk = (): Stripe =>
  new Stripe('sk_test_any', { host: '127.0.0.1', port: server.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false })

const card = { amount: 1000, currency: 'usd', payment_method: 'pm_card_visa', confirm: true } as const
const post = (path: string, form: Readonly<Record<string, string>>, key = 'key-1'): Promise<Response> =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_any', 'idempotency-key': key, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
const payment = { amount: '1000', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true' }

describe('the stand-in speaks Stripe to the official library', () => {
  test('creates, captures, refunds and lists payments', async () => {
    const stripe = sdk()
    const reserved = await stripe.paymentIntents.create({ ...card, capture_method: 'manual', metadata: { order: '7' } })
    expect(reserved).toMatchObject({ status: 'requires_capture', amount_capturable: 1000, metadata: { order: '7' } })
    expect(await stripe.paymentIntents.capture(reserved.id, { amount_to_capture: 700 })).toMatchObject({ status: 'succeeded', amount_received: 700 })
    expect(await stripe.refunds.create({ payment_intent: reserved.id, amount: 200 })).toMatchObject({ amount: 200, status: 'succeeded' })
    const read = await stripe.paymentIntents.retrieve(reserved.id, { expand: ['latest_charge'] })
    expect(read.latest_charge).toMatchObject({ amount_captured: 700, amount_refunded: 200, refunded: false })
    await stripe.paymentIntents.create(card)
    const listed: string[] = []
    for await (const one of stripe.paymentIntents.list({ limit: 1 })) listed.push(one.id)
    expect(listed).toHaveLength(2)
    expect(listed[1]).toBe(reserved.id)
    expect((await stripe.refunds.list({ payment_intent: reserved.id })).data).toHaveLength(1)
  })

  test('replays the answer of a key, and counts one charge', async () => {
    const stripe = sdk()
    const first = await stripe.paymentIntents.create({ ...card, metadata: { headgate_reference: 'o1' } }, { idempotencyKey: 'k' })
    const second = await stripe.paymentIntents.create({ ...card, metadata: { headgate_reference: 'o1' } }, { idempotencyKey: 'k' })
    expect(second.id).toBe(first.id)
    expect(first.lastResponse.headers['idempotent-replayed']).toBeUndefined()
    expect(second.lastResponse.headers['idempotent-replayed']).toBe('true')
    expect(server.charges().get('o1')).toBe(1)
  })

  test('refuses the key with other parameters, and on another path', async () => {
    const stripe = sdk()
    await stripe.paymentIntents.create(card, { idempotencyKey: 'k' })
    await expect(stripe.paymentIntents.create({ ...card, amount: 1 }, { idempotencyKey: 'k' })).rejects.toBeInstanceOf(
      Stripe.errors.StripeIdempotencyError,
    )
  })

  test('declines, asks for a confirmation and refuses in the words that the library knows', async () => {
    const stripe = sdk()
    await expect(stripe.paymentIntents.create({ ...card, payment_method: 'pm_card_chargeDeclined' })).rejects.toMatchObject({
      type: 'StripeCardError',
      code: 'card_declined',
      decline_code: 'generic_decline',
    })
    const asked = await stripe.paymentIntents.create({ ...card, payment_method: 'pm_card_threeDSecure2Required' })
    expect(asked).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect_to_url' } })
    await stripe.paymentIntents.cancel(asked.id)
    await expect(stripe.paymentIntents.cancel(asked.id)).rejects.toMatchObject({ code: 'payment_intent_unexpected_state' })
    await expect(stripe.paymentIntents.retrieve('pi_nothing')).rejects.toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 404 })
  })
})

describe('which answers are kept with the key', () => {
  test.each([
    ['a 500 after the effect', 'error_after', 500, 1],
    ['a 500 before the effect', 'error_before', 500, 0],
  ] as const)('%s is', async (_what, fault, status, charges) => {
    server.script(fault)
    expect((await post('/v1/payment_intents', payment)).status).toBe(status)
    const again = await post('/v1/payment_intents', payment)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([status, 'true'])
    expect(server.payments()).toHaveLength(charges)
  })

  test('a declined card is', async () => {
    const declined = { ...payment, payment_method: 'pm_card_chargeDeclined' }
    expect((await post('/v1/payment_intents', declined)).status).toBe(402)
    expect((await post('/v1/payment_intents', declined)).headers.get('idempotent-replayed')).toBe('true')
  })

  test.each([
    ['429', 'rate_limited', 429],
    ['409', 'conflict', 409],
    ['503', 'unavailable', 503],
    ['a 500 before the work begins', 'error_early', 500],
  ] as const)('%s is not', async (_what, fault, status) => {
    server.script(fault)
    const refused = await post('/v1/payment_intents', payment)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([status, status === 429 ? '1' : null])
    const again = await post('/v1/payment_intents', payment)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, null])
  })

  test('parameters that make no sense are not', async () => {
    expect((await post('/v1/payment_intents', { ...payment, amount: 'much' })).status).toBe(400)
    expect((await post('/v1/payment_intents', { ...payment, colour: 'red' })).status).toBe(400)
    expect((await post('/v1/payment_intents', payment)).status).toBe(200)
  })

  test('while the first call is worked on, the second is told so', async () => {
    server.script('slow')
    const first = post('/v1/payment_intents', payment)
    await until('the first call has come', () => server.requests.length === 1)
    expect((await post('/v1/payment_intents', payment)).status).toBe(409)
    expect((await first).status).toBe(200)
    expect(server.payments()).toHaveLength(1)
  })
})

describe('faults of the network', () => {
  test('a lost answer has its effect, a lost request has none', async () => {
    server.script('lost_request', 'lost_answer')
    await expect(post('/v1/payment_intents', payment, 'a')).rejects.toThrow('fetch failed')
    expect(server.payments()).toHaveLength(0)
    await expect(post('/v1/payment_intents', payment, 'b')).rejects.toThrow('fetch failed')
    expect(server.payments()).toHaveLength(1)
    expect((await post('/v1/payment_intents', payment, 'b')).headers.get('idempotent-replayed')).toBe('true')
  })

  test('goes down and comes back on the same port, with its payments', async () => {
    await post('/v1/payment_intents', payment)
    await server.down()
    await expect(post('/v1/payment_intents', payment)).rejects.toThrow('fetch failed')
    await server.up()
    expect((await post('/v1/payment_intents', payment)).headers.get('idempotent-replayed')).toBe('true')
  })

  test('chance is reproducible and keeps to the rates', async () => {
    const values = [0.05, 0.15, 0.9]
    const other = await startStripe({ faults: { unavailable: 0.1, conflict: 0.1 }, random: () => values.shift() ?? 0.9 })
    const statuses: number[] = []
    for (let call = 0; call < 3; call += 1) {
      statuses.push((await fetch(`${other.url}/v1/payment_intents`, { headers: { authorization: 'Bearer a' } })).status)
    }
    await other.close()
    expect(statuses).toEqual([503, 409, 200])
  })

  test('can be told to fail, as the other example services', async () => {
    await fetch(`${server.url}/chaos`, { method: 'POST', body: '{"mode":"fail"}' })
    expect((await post('/v1/payment_intents', payment)).status).toBe(503)
    await fetch(`${server.url}/chaos`, { method: 'POST', body: '{"mode":"ok"}' })
    expect((await post('/v1/payment_intents', payment)).status).toBe(200)
    expect(await (await fetch(`${server.url}/payments`)).json()).toMatchObject([{ status: 'succeeded', amount: 1000 }])
  })

  test('runs in a process of its own, with a control port', async () => {
    const child = await startStripeProcess({ seed: 7 })
    try {
      await child.script('unavailable')
      const ask = (): Promise<Response> => fetch(`${child.url}/v1/payment_intents`, { headers: { authorization: 'Bearer a' } })
      expect((await ask()).status).toBe(503)
      await child.down()
      await expect(ask()).rejects.toThrow('fetch failed')
      await child.up()
      expect((await ask()).status).toBe(200)
      await child.rates({ rate_limited: 1 })
      expect((await ask()).status).toBe(429)
      expect(await child.requests()).toEqual({ unavailable: 1, none: 1, rate_limited: 1 })
      expect(await child.charges()).toEqual({})
    } finally {
      await child.kill()
    }
  })
})
