import { paymentProvider } from '../../../examples/services/payment-provider.ts'
import type { PaymentProvider, PaymentProviderOptions } from '../../../examples/services/payment-provider.ts'

export type StripeStandIn = PaymentProvider

/**
 * A stand-in for Stripe in this process: it outlives gateways that are killed, and counts what they charged. Any bearer token will do;
 * `pm_card_visa` works, other names of cards are those of Stripe's documentation.
 */
export const startStripe = (options: PaymentProviderOptions = {}): Promise<StripeStandIn> => paymentProvider(options)
