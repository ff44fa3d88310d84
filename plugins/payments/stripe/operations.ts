import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { Json, Lookup, OperationCall, OperationHandlers } from '../../../gateway/plugin.ts'
import { refusal, wrongInput } from '../failure.ts'
import { at, integerAt, textAt } from '../json.ts'
import { nothingLeft, paymentJson, refundJson } from '../payment.ts'
import type { Payment, Refund } from '../payment.ts'
import type { Parameters, StripeClient } from './client.ts'
import { StripeFailure } from './failure.ts'
import { stripeLookups } from './lookup.ts'
import { toStripe } from './money.ts'
import { keyName, paymentOf, referenceName, refundOf } from './payment-intent.ts'

const path = (payment: string, action: string): string => `/v1/payment_intents/${encodeURIComponent(payment)}${action}`

export const stripeOperations = (stripe: StripeClient, now: () => number): Readonly<Record<string, OperationHandlers>> => {
  const payment = async (call: OperationCall): Promise<Payment> => paymentOf(await stripe.intent(paymentIn(call), call.signal))

  /** The amount in Stripe's units; the currency is that of the payment, which has to be asked for. */
  const amountIn = async (call: OperationCall): Promise<number | undefined> => {
    const amount = integerAt(call.input, 'amount')
    return amount === undefined ? undefined : inStripe(amount, (await payment(call)).currency)
  }

  const refunded = async (call: OperationCall, key: string, amount: number | undefined): Promise<Refund> => {
    const parameters = { payment_intent: paymentIn(call), amount, reason: textAt(call.input, 'reason'), metadata: { [keyName]: call.key } }
    const refund = refundOf(await stripe.post('/v1/refunds', parameters, key, call.signal))
    if (refund.status === 'failed' || refund.status === 'canceled') throw refusal('Stripe could not refund the payment', `refund_${refund.status}`)
    return refund
  }

  const create = async (call: OperationCall): Promise<Json> => {
    const made = paymentOf(await stripe.post('/v1/payment_intents', creation(call), call.key, call.signal))
    if (made.status === 'failed') throw refusal('The payment was declined', 'card_declined')
    return paymentJson(made)
  }

  const capture = async (call: OperationCall): Promise<Json> => {
    const amount = await amountIn(call)
    try {
      return paymentJson(paymentOf(await stripe.post(path(paymentIn(call), '/capture'), { amount_to_capture: amount }, call.key, call.signal)))
    } catch (error) {
      // It was captured before, by us or by hand: that is what was asked for, unless it was another amount.
      const before = paymentSentAlong(error)
      if (before?.status !== 'succeeded') throw error
      if (amount !== undefined && before.captured !== integerAt(call.input, 'amount')) throw error
      return paymentJson(before)
    }
  }

  const release = async (call: OperationCall): Promise<Json> => {
    try {
      return paymentJson(paymentOf(await stripe.post(path(paymentIn(call), '/cancel'), {}, call.key, call.signal)))
    } catch (error) {
      const before = paymentSentAlong(error)
      if (before?.status === 'canceled') return paymentJson(before)
      if (before?.status !== 'succeeded' || at(call.input, 'refund_if_captured') !== true) throw error
      return await refundInstead(call, before)
    }
  }

  /** The rest of it: repeated, there is nothing left to refund. */
  const refundInstead = async (call: OperationCall, captured: Payment): Promise<Json> => {
    try {
      await refunded(call, `${call.key}-r`, undefined)
    } catch (error) {
      if (!isAlreadyRefunded(error)) throw error
    }
    return paymentJson({ ...captured, refunded: captured.captured })
  }

  /** Undoing, it is done whatever the payment has come to. */
  const refund = async (call: OperationCall): Promise<Json> => {
    if (!isUndoing(call)) return refundJson(await refunded(call, call.key, await amountIn(call)))
    const before = await payment(call)
    if (before.status !== 'succeeded') {
      await release({ ...call, key: `${call.key}-c`, input: { payment: before.id, refund_if_captured: true } })
      return nothingLeft(before)
    }
    try {
      return refundJson(await refunded(call, call.key, undefined))
    } catch (error) {
      if (!isAlreadyRefunded(error)) throw error
      return nothingLeft(before)
    }
  }

  const lookupRefund = async (call: OperationCall): Promise<Lookup> => {
    const found = await lookups.refunded(call)
    if (found.found === 'done' || !isUndoing(call)) return found
    const current = await payment(call)
    const over = current.status === 'canceled' || (current.captured !== undefined && current.refunded === current.captured)
    return over ? { found: 'done', output: nothingLeft(current) } : found
  }

  const lookups = stripeLookups(stripe, now)
  return {
    create_payment: { run: create, lookup: lookups.created },
    capture_payment: { run: capture, lookup: lookups.captured },
    refund: { run: refund, lookup: lookupRefund },
    release_authorization: { run: release, lookup: lookups.released },
    get_payment: { run: async (call) => paymentJson(await payment(call)) },
  }
}

const isUndoing = ({ input }: OperationCall): boolean => at(input, 'release_if_uncaptured') === true
const isAlreadyRefunded = (error: unknown): boolean => error instanceof ProviderFailure && error.code === 'charge_already_refunded'

const paymentIn = (call: OperationCall): string => textAt(call.input, 'payment') ?? ''

function creation({ input, key }: OperationCall): Parameters {
  const currency = textAt(input, 'currency') ?? ''
  const method = textAt(input, 'payment_method')
  const returnUrl = textAt(input, 'return_url')
  return {
    amount: inStripe(integerAt(input, 'amount') ?? 0, currency),
    currency,
    capture_method: textAt(input, 'capture') ?? 'automatic',
    automatic_payment_methods: { enabled: true, allow_redirects: returnUrl === undefined ? 'never' : 'always' },
    description: textAt(input, 'description'),
    customer: textAt(input, 'customer'),
    payment_method: method,
    ...(method === undefined ? {} : { confirm: true, return_url: returnUrl }),
    metadata: {
      ...(at(input, 'metadata') as Readonly<Record<string, string>> | undefined),
      [referenceName]: textAt(input, 'reference'),
      [keyName]: key,
    },
  }
}

function inStripe(amount: number, currency: string): number {
  const converted = toStripe(amount, currency)
  if (converted === undefined) throw wrongInput(`Stripe takes no fractions of ${currency}`)
  return converted
}

/** The payment that Stripe sends along when its state forbids what was asked for. */
function paymentSentAlong(error: unknown): Payment | undefined {
  return error instanceof StripeFailure && error.code === 'payment_intent_unexpected_state' && error.payment !== undefined
    ? paymentOf(error.payment)
    : undefined
}
