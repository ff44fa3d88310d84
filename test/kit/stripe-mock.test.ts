import { Stripe } from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noStripeMock, startStripeMock, stripeMockNote } from './stripe-mock.ts'
import type { StripeMock } from './stripe-mock.ts'

describe.skipIf(noStripeMock)(`stripe-mock for tests${stripeMockNote}`, () => {
  let server: StripeMock
  beforeAll(async () => {
    server = await startStripeMock()
  })
  afterAll(() => server.stop())

  const stripe = (): Stripe =>
    new Stripe('sk_test_any', { host: '127.0.0.1', port: server.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false })

  test('takes a payment from the official library', async () => {
    const intent = await stripe().paymentIntents.create({ amount: 1000, currency: 'usd' }, { idempotencyKey: 'intent-1' })
    expect(intent.object).toBe('payment_intent')
  })

  test('refuses a parameter that Stripe does not know', async () => {
    const refused = await fetch(`${server.url}/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_test_any', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'amount=1000&currency=usd&colour=red',
    })
    expect(refused.status).toBe(400)
  })
})
