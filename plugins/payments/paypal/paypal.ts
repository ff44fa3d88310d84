import { interfaceVersion, ProviderFailure } from '../../../gateway/plugin.ts'
import type { Adapter } from '../../../gateway/plugin.ts'
import { paymentOperations, paymentWebhook } from '../payment.ts'
import { paypalClient } from './client.ts'
import { paypalOperations } from './operations.ts'
import { paypalEvents } from './webhook.ts'

const hourMs = 3_600_000

/** Payments by PayPal's Orders v2 and Payments v2. `docs/providers/payments.md` says what each operation becomes there. */
export const adapter: Adapter = {
  interface: interfaceVersion,
  type: 'paypal',
  capability: 'payments',
  summary: 'Payments by PayPal (Orders v2, Payments v2)',
  baseUrl: 'https://api-m.paypal.com',
  auth: ['oauth2', 'bearer'],
  tokenUrl: '/v1/oauth2/token',
  settings: {
    type: 'object',
    additionalProperties: false,
    properties: {
      unique_references: {
        type: 'boolean',
        default: false,
        description: 'Sends `reference` as the number of the invoice too: PayPal then refuses a second payment of the same reference.',
      },
      webhook_id: { type: 'string', pattern: '^[A-Za-z0-9]{1,50}$', description: 'Id that PayPal gave the webhook; needed to check webhooks.' },
      webhook_max_age_seconds: {
        type: 'integer',
        minimum: 60,
        maximum: 604_800,
        default: 259_200,
        description: 'Age from which a webhook is refused, in seconds; PayPal repeats one for three days.',
      },
    },
  },
  // Orders keep request ids for 6 hours, payments for 45 days.
  operations: paymentOperations({ createMs: 6 * hourMs, refundMs: 45 * 24 * hourMs }),
  webhook: paymentWebhook('Events of orders, authorizations, captures and disputes; PayPal checks its own signature'),
  create(context) {
    const paypal = paypalClient(context)
    return {
      operations: paypalOperations(paypal, context),
      // An order that there is not: the answer proves the credentials and has no effect.
      probe: async ({ signal }) => {
        await paypal.get('/v2/checkout/orders/HEADGATE-PROBE', signal).catch((error: unknown) => {
          if (!(error instanceof ProviderFailure) || error.kind !== 'not_found') throw error
        })
      },
      webhook: (request, { signal }) => paypalEvents(request, context, paypal, signal),
    }
  },
}
