import { afterAll, describe, expect, test } from 'vitest'
import { describeAdapter } from '../../gateway/testing/describe-adapter.ts'
import type { Example } from '../../gateway/testing/describe-adapter.ts'
import { adapter as paypal } from '../../plugins/payments/paypal/paypal.ts'
import { adapter as stripe } from '../../plugins/payments/stripe/stripe.ts'
import { startPaypal } from '../kit/stand-ins/paypal.ts'
import { startStripe } from '../kit/stand-ins/stripe.ts'

const runner = { describe, test, after: afterAll }

const examples = (method: string): Readonly<Record<string, Example>> => {
  const charge = { amount: 1050, currency: 'eur', payment_method: method, reference: 'order-7' }
  const of =
    (input: object): Example =>
    async (call) => {
      const made = await call('create_payment', { ...charge, ...input })
      return { payment: (made as { readonly id: string }).id }
    }
  return {
    create_payment: charge,
    capture_payment: of({ capture: 'manual' }),
    refund: of({}),
    release_authorization: of({ capture: 'manual' }),
    get_payment: of({}),
  }
}

describeAdapter(
  stripe,
  {
    start: async () => {
      const server = await startStripe()
      return { baseUrl: server.url, close: () => server.close() }
    },
    auth: { type: 'bearer', token: '${secret:stripe#key}' },
    secrets: { 'stripe#key': 'sk_test_verysecret' },
    examples: examples('pm_card_visa'),
  },
  runner,
)

describeAdapter(
  paypal,
  {
    start: async () => {
      const server = await startPaypal()
      return { baseUrl: server.url, close: () => server.close() }
    },
    auth: { type: 'oauth2', client_id: 'client', client_secret: 'secret' },
    settings: { webhook_id: '5L518819FA0214926' },
    examples: examples('vaulted'),
  },
  runner,
)

test('adapters of payments have the same operations, inputs, outputs and events, so that one can stand in for another', () => {
  const shape = ({ operations, webhook }: typeof stripe): object => ({
    operations: Object.entries(operations).map(([name, { input, output, idempotency, duplicates }]) => ({
      name,
      input,
      output,
      idempotency,
      duplicates,
    })),
    events: webhook?.events,
  })
  expect(shape(paypal)).toEqual(shape(stripe))
})
