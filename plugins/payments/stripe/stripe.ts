import { interfaceVersion } from '../../../gateway/plugin.ts'
import type { Adapter } from '../../../gateway/plugin.ts'
import { paymentOperations, paymentWebhook } from '../payment.ts'
import { stripeClient } from './client.ts'
import { stripeOperations } from './operations.ts'
import { stripeEvents } from './webhook.ts'

const hourMs = 3_600_000

/** Payments by Stripe's PaymentIntents, API v1. `docs/providers/payments.md` says what each operation becomes there. */
export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'stripe',
  capability: 'payments',
  summary: 'Payments by Stripe (PaymentIntents)',
  baseUrl: 'https://api.stripe.com',
  auth: ['bearer'],
  settings: {
    type: 'object',
    additionalProperties: false,
    properties: {
      webhook_secret: { type: 'string', minLength: 1, writeOnly: true, description: 'Signing secret of the webhook endpoint: `whsec_...`.' },
      webhook_tolerance_seconds: {
        type: 'integer',
        minimum: 1,
        maximum: 3600,
        default: 300,
        description: 'How far the time of a webhook may be from ours, in seconds.',
      },
      account: {
        type: 'string',
        pattern: '^acct_[A-Za-z0-9]+$',
        description: 'Connected account on whose behalf calls are made (`Stripe-Account`).',
      },
    },
  },
  // Stripe keeps keys of API v1 for at least 24 hours.
  operations: paymentOperations({ createMs: 24 * hourMs, refundMs: 24 * hourMs }),
  webhook: paymentWebhook('Events of payments, charges and disputes; checked by `Stripe-Signature`'),
  create(context) {
    const stripe = stripeClient(context)
    return {
      operations: stripeOperations(stripe, () => context.now()),
      probe: async ({ signal }) => {
        await stripe.get('/v1/payment_intents', { limit: 1 }, signal)
      },
      webhook: (request) => Promise.resolve().then(() => stripeEvents(request, context)),
    }
  },
}
