import type { Json } from '../../../gateway/plugin.ts'
import { at, integerAt, textAt } from '../json.ts'
import type { Payment, PaymentStatus, Refund, RefundStatus } from '../payment.ts'
import { unreadable } from './client.ts'
import { fromStripe } from './money.ts'

/** Metadata that we add: the key of the intent, to find it again, and the caller's reference. */
export const keyName = 'headgate_key'
export const referenceName = 'headgate_reference'

const statuses: Readonly<Record<string, PaymentStatus>> = {
  succeeded: 'succeeded',
  requires_capture: 'requires_capture',
  requires_action: 'requires_action',
  requires_confirmation: 'requires_action',
  requires_payment_method: 'requires_action',
  processing: 'processing',
  canceled: 'canceled',
}

/** @throws {ProviderFailure} `invalid_response` */
export function paymentOf(intent: Json): Payment {
  const id = textAt(intent, 'id')
  const currency = textAt(intent, 'currency')
  const status = statuses[textAt(intent, 'status') ?? '']
  const amount = moneyAt(intent, 'amount', currency)
  if (id === undefined || currency === undefined || status === undefined || amount === undefined) throw unreadable('payment')
  return {
    id,
    status: isDeclined(intent) ? 'failed' : status,
    amount,
    currency,
    captured: status === 'succeeded' ? moneyAt(intent, 'amount_received', currency) : undefined,
    refunded: moneyAt(at(intent, 'latest_charge') ?? null, 'amount_refunded', currency) || undefined,
    reference: textAt(intent, 'metadata', referenceName),
    actionUrl: textAt(intent, 'next_action', 'redirect_to_url', 'url'),
  }
}

/** Whether its last attempt was declined, so that it waits for another card. */
export const isDeclined = (intent: Json): boolean =>
  textAt(intent, 'status') === 'requires_payment_method' && textAt(intent, 'last_payment_error', 'type') !== undefined

const refundStatuses: Readonly<Record<string, RefundStatus>> = {
  succeeded: 'succeeded',
  pending: 'processing',
  requires_action: 'processing',
  failed: 'failed',
  canceled: 'canceled',
}

/** @throws {ProviderFailure} `invalid_response` */
export function refundOf(refund: Json): Refund {
  const id = textAt(refund, 'id')
  const payment = textAt(refund, 'payment_intent')
  const currency = textAt(refund, 'currency')
  const status = refundStatuses[textAt(refund, 'status') ?? '']
  const amount = moneyAt(refund, 'amount', currency)
  if (id === undefined || payment === undefined || currency === undefined || status === undefined || amount === undefined) throw unreadable('refund')
  return { id, payment, status, amount, currency }
}

export function moneyAt(object: Json, name: string, currency: string | undefined): number | undefined {
  const amount = integerAt(object, name)
  return amount === undefined || amount < 0 || currency === undefined ? undefined : fromStripe(amount, currency)
}
