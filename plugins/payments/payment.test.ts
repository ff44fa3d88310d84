import { expect, test } from 'vitest'
import { adapter as paypal } from './paypal/paypal.ts'
import { adapter as stripe } from './stripe/stripe.ts'

test('adapters of payments have the same operations, inputs, outputs and events, so that one can stand in for another', () => {
  const shape = ({ capability, operations, webhook }: typeof stripe): object => ({
    capability,
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
