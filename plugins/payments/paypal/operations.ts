import type { AdapterContext, Json, Lookup, OperationCall, OperationHandlers, ProviderFailure } from '../../../gateway/plugin.ts'
import { refusal, wrongInput } from '../failure.ts'
import { at, integerAt, present, textAt } from '../json.ts'
import { nothingLeft, paymentJson, refundJson } from '../payment.ts'
import type { Refund } from '../payment.ts'
import { unreadable } from './client.ts'
import type { PaypalClient } from './client.ts'
import { moneyOf } from './money.ts'
import { captureStatuses, orderOf, refundOf } from './order.ts'
import type { Order } from './order.ts'

/** A request may still be on its way, or be worked on by PayPal: what is not there earlier may still come. */
const settledAfterMs = 90_000

export const paypalOperations = (paypal: PaypalClient, context: AdapterContext): Readonly<Record<string, OperationHandlers>> => {
  const order = async ({ input, signal }: OperationCall): Promise<Order> =>
    orderOf(await paypal.get(`/v2/checkout/orders/${encodeURIComponent(textAt(input, 'payment') ?? '')}`, signal))

  const create = async (call: OperationCall): Promise<Json> => {
    const made = orderOf(await paypal.post('/v2/checkout/orders', creation(call.input, context.settings), call.key, call))
    if (made.payment.status === 'failed') throw refusal('The payment was declined', made.capture?.status ?? 'DENIED')
    return paymentJson(made.payment)
  }

  const capture = async (call: OperationCall): Promise<Json> => {
    const found = await order(call)
    const { payment, approved, intent, authorization } = found
    const amount = integerAt(call.input, 'amount')
    if (isCaptured(found)) return alreadyCaptured(found, amount)
    if (approved && intent === 'CAPTURE') {
      if (amount !== undefined && amount !== payment.amount) throw wrongInput('PayPal captures an approved order as a whole')
      return captured(orderOf(await paypal.post(`${path(found)}/capture`, {}, call.key, call)))
    }
    const held = approved ? await authorized(found, call) : authorization
    if (held?.status !== 'CREATED') throw refusal('The payment is not one that can be captured', `payment_${payment.status}`)
    const body = present({ final_capture: true, amount: amount === undefined ? undefined : moneyOf(amount, payment.currency) })
    const answer = await paypal.post(`/v2/payments/authorizations/${held.id}/capture`, body, call.key, call)
    return captured(withCapture(found, answer, amount ?? payment.amount))
  }

  /** What the customer approved has to be authorized first; its id belongs to the same intent. */
  const authorized = async (found: Order, call: OperationCall): Promise<Order['authorization']> =>
    orderOf(await paypal.post(`${path(found)}/authorize`, {}, `${call.key}-a`, call)).authorization

  const refunded = async (found: Order, call: OperationCall, key: string): Promise<Refund> => {
    const { payment, capture: taken, refunds } = found
    const amount = integerAt(call.input, 'amount')
    const money = { amount: amount ?? (payment.captured ?? 0) - (payment.refunded ?? 0), currency: payment.currency }
    const before = refunds.find((refund) => textAt(refund, 'custom_id') === call.key)
    if (before !== undefined) return usable(refundOf(before, payment.id, money))
    if (taken === undefined) throw refusal('The payment was not captured', `payment_${payment.status}`)
    const body = present({ custom_id: call.key, amount: amount === undefined ? undefined : moneyOf(amount, payment.currency) })
    return usable(refundOf(await paypal.post(`/v2/payments/captures/${taken.id}/refund`, body, key, call), payment.id, money))
  }

  const release = async (call: OperationCall): Promise<Json> => {
    const found = await order(call)
    const { payment, authorization } = found
    if (payment.status === 'succeeded') {
      if (at(call.input, 'refund_if_captured') !== true) throw refusal('The payment was captured before', 'PREVIOUSLY_CAPTURED')
      if ((payment.refunded ?? 0) < (payment.captured ?? 0)) await refunded(found, call, `${call.key}-r`)
      return paymentJson({ ...payment, refunded: payment.captured })
    }
    // What is still being captured can neither be released nor refunded.
    if (isCaptured(found)) throw refusal('The payment is being captured', 'PENDING_CAPTURE')
    // An order that holds nothing ends by itself; PayPal has no call for it.
    if (authorization?.status !== 'CREATED' && authorization?.status !== 'PENDING') return paymentJson(payment)
    await paypal.post(`/v2/payments/authorizations/${authorization.id}/void`, undefined, call.key, call)
    return paymentJson({ ...payment, status: 'canceled' })
  }

  const refund = async (call: OperationCall): Promise<Json> => {
    const found = await order(call)
    const { payment, refunds } = found
    if (!isUndoing(call) || refunds.some((one) => textAt(one, 'custom_id') === call.key)) return refundJson(await refunded(found, call, call.key))
    if (!isCaptured(found)) await release({ ...call, key: `${call.key}-c`, input: { payment: payment.id, refund_if_captured: true } })
    else if (!isGivenBack(found)) return refundJson(await refunded(found, call, call.key))
    return nothingLeft(payment)
  }

  const nothingYet = (call: OperationCall): Lookup => ({ found: context.now() - call.firstAttemptAtMs >= settledAfterMs ? 'absent' : 'unknown' })
  const failed = (failure: ProviderFailure): Lookup => ({ found: 'failed', failure })

  const lookupCapture = async (call: OperationCall): Promise<Lookup> => {
    const found = await order(call)
    const { payment } = found
    if (isCaptured(found)) return { found: 'done', output: paymentJson(payment) }
    if (payment.status === 'requires_capture') return nothingYet(call)
    return failed(refusal('The payment cannot be captured', `payment_${payment.status}`))
  }
  const lookupRefund = async (call: OperationCall): Promise<Lookup> => {
    const now = await order(call)
    const { payment, refunds } = now
    const found = refunds.find((one) => textAt(one, 'custom_id') === call.key)
    if (found === undefined) return isUndoing(call) && isOver(now) ? { found: 'done', output: nothingLeft(payment) } : nothingYet(call)
    const made = refundOf(found, payment.id, { amount: integerAt(call.input, 'amount') ?? payment.captured ?? 0, currency: payment.currency })
    if (made.status === 'succeeded' || made.status === 'processing') return { found: 'done', output: refundJson(made) }
    return failed(refusal('PayPal could not refund the payment', `refund_${made.status}`))
  }
  const lookupRelease = async (call: OperationCall): Promise<Lookup> => {
    const now = await order(call)
    return isOver(now) ? { found: 'done', output: paymentJson(now.payment) } : nothingYet(call)
  }

  return {
    create_payment: { run: create },
    capture_payment: { run: capture, lookup: lookupCapture },
    refund: { run: refund, lookup: lookupRefund },
    release_authorization: { run: release, lookup: lookupRelease },
    get_payment: { run: async (call) => paymentJson((await order(call)).payment) },
  }
}

const path = ({ payment }: Order): string => `/v2/checkout/orders/${encodeURIComponent(payment.id)}`

/** PayPal's field is shorter than ours. */
const maxDescription = 127

function creation(input: Json, settings: AdapterContext['settings']): Json {
  const reference = textAt(input, 'reference')
  const unit = present({
    amount: moneyOf(integerAt(input, 'amount') ?? 0, textAt(input, 'currency') ?? ''),
    description: textAt(input, 'description')?.slice(0, maxDescription),
    custom_id: reference,
    invoice_id: settings['unique_references'] === true ? reference : undefined,
  })
  const intent = textAt(input, 'capture') === 'manual' ? 'AUTHORIZE' : 'CAPTURE'
  return present({ intent, purchase_units: [unit], payment_source: sourceOf(textAt(input, 'payment_method'), textAt(input, 'return_url')) })
}

/** `paypal:ID` or `card:ID` of something in PayPal's vault; without one, the customer approves the order at PayPal. */
function sourceOf(method: string | undefined, returnUrl: string | undefined): Json | undefined {
  if (method !== undefined) {
    const [, kind = 'card', id = method] = /^(card|paypal):(.+)$/.exec(method) ?? []
    return { [kind]: { vault_id: id } }
  }
  if (returnUrl === undefined) return undefined
  const context = { return_url: returnUrl, cancel_url: returnUrl, user_action: 'PAY_NOW', shipping_preference: 'NO_SHIPPING' }
  return { paypal: { experience_context: context } }
}

const isUndoing = ({ input }: OperationCall): boolean => at(input, 'release_if_uncaptured') === true

const isGivenBack = ({ payment }: Order): boolean => payment.captured !== undefined && payment.refunded === payment.captured

/** Nothing is held or taken any more. */
const isOver = (order: Order): boolean =>
  order.payment.status === 'canceled' || isGivenBack(order) || (order.capture === undefined && order.authorization === undefined)

/** Or on the way to be. */
const isCaptured = ({ payment, capture }: Order): boolean =>
  capture !== undefined && (payment.status === 'succeeded' || payment.status === 'processing')

function captured(order: Order): Json {
  const { payment, capture } = order
  if (capture === undefined) throw unreadable('capture')
  if (payment.status === 'failed') throw refusal('The capture was declined', capture.status)
  return paymentJson(payment)
}

function alreadyCaptured({ payment }: Order, amount: number | undefined): Json {
  if (amount !== undefined && payment.captured !== undefined && amount !== payment.captured) {
    throw refusal('The payment was captured before, with another amount', 'AUTHORIZATION_ALREADY_CAPTURED')
  }
  return paymentJson(payment)
}

/** The order as it is after the capture, which is answered in short. @throws {ProviderFailure} `invalid_response` */
function withCapture({ payment, ...order }: Order, answer: Json, taken: number): Order {
  const id = textAt(answer, 'id')
  const state = textAt(answer, 'status') ?? ''
  const status = captureStatuses[state]
  if (id === undefined || status === undefined) throw unreadable('capture')
  return { ...order, capture: { id, status: state }, payment: { ...payment, status, captured: status === 'succeeded' ? taken : undefined } }
}

function usable(refund: Refund): Refund {
  if (refund.status === 'failed' || refund.status === 'canceled') throw refusal('PayPal could not refund the payment', `refund_${refund.status}`)
  return refund
}
