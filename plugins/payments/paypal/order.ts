import type { Json } from '../../../gateway/plugin.ts'
import { at, listAt, textAt } from '../json.ts'
import type { Payment, PaymentStatus, Refund, RefundStatus } from '../payment.ts'
import { unreadable } from './client.ts'
import { moneyIn } from './money.ts'
import type { Money } from './money.ts'

/** An order of PayPal with what became of it: what we call a payment. */
export interface Order {
  readonly payment: Payment
  /** Whether PayPal calls it approved, so that it waits for us. */
  readonly approved: boolean
  readonly intent: 'CAPTURE' | 'AUTHORIZE'
  readonly authorization: Piece | undefined
  readonly capture: Piece | undefined
  readonly refunds: readonly Json[]
}

interface Piece {
  readonly id: string
  readonly status: string
}

export const captureStatuses: Readonly<Record<string, PaymentStatus>> = {
  COMPLETED: 'succeeded',
  PARTIALLY_REFUNDED: 'succeeded',
  REFUNDED: 'succeeded',
  PENDING: 'processing',
  DECLINED: 'failed',
  FAILED: 'failed',
}
const authorizationStatuses: Readonly<Record<string, PaymentStatus>> = {
  CREATED: 'requires_capture',
  PARTIALLY_CAPTURED: 'succeeded',
  CAPTURED: 'succeeded',
  PENDING: 'processing',
  DENIED: 'failed',
  VOIDED: 'canceled',
}
const orderStatuses: Readonly<Record<string, PaymentStatus>> = {
  CREATED: 'requires_action',
  SAVED: 'requires_action',
  PAYER_ACTION_REQUIRED: 'requires_action',
  APPROVED: 'requires_capture',
  VOIDED: 'canceled',
  COMPLETED: 'processing',
}
const refundStatuses: Readonly<Record<string, RefundStatus>> = {
  COMPLETED: 'succeeded',
  PENDING: 'processing',
  FAILED: 'failed',
  CANCELLED: 'canceled',
}

/** @throws {ProviderFailure} `invalid_response` */
export function orderOf(json: Json): Order {
  const unit = at(json, 'purchase_units', 0)
  const id = textAt(json, 'id')
  const money = moneyIn(at(unit, 'amount'))
  const captures = listAt(unit, 'payments', 'captures')
  const captured = captures.find(succeeded) ?? captures.at(-1)
  const capture = piece(captured)
  const authorization = piece(listAt(unit, 'payments', 'authorizations').at(-1))
  const refunds = listAt(unit, 'payments', 'refunds')
  const status =
    (capture && captureStatuses[capture.status]) ??
    (authorization && authorizationStatuses[authorization.status]) ??
    orderStatuses[textAt(json, 'status') ?? '']
  if (id === undefined || money === undefined || status === undefined) throw unreadable('order')
  return {
    payment: {
      id,
      status,
      ...money,
      captured: status === 'succeeded' ? moneyIn(at(captured, 'amount'))?.amount : undefined,
      refunded: refundedOf(refunds),
      reference: textAt(unit, 'custom_id'),
      actionUrl: status === 'requires_action' ? approvalOf(json) : undefined,
    },
    approved: textAt(json, 'status') === 'APPROVED',
    intent: textAt(json, 'intent') === 'AUTHORIZE' ? 'AUTHORIZE' : 'CAPTURE',
    authorization,
    capture,
    refunds,
  }
}

/** @throws {ProviderFailure} `invalid_response` */
export function refundOf(json: Json, payment: string, expected: Money): Refund {
  const id = textAt(json, 'id')
  const status = refundStatuses[textAt(json, 'status') ?? '']
  if (id === undefined || status === undefined) throw unreadable('refund')
  return { id, payment, status, ...(moneyIn(at(json, 'amount')) ?? expected) }
}

const succeeded = (capture: Json): boolean => captureStatuses[textAt(capture, 'status') ?? ''] === 'succeeded'

function piece(json: Json | undefined): Piece | undefined {
  const id = textAt(json, 'id')
  const status = textAt(json, 'status')
  return id === undefined || status === undefined ? undefined : { id, status }
}

function refundedOf(refunds: readonly Json[]): number | undefined {
  const amounts = refunds
    .filter((refund) => ['COMPLETED', 'PENDING'].includes(textAt(refund, 'status') ?? ''))
    .map((refund) => moneyIn(at(refund, 'amount'))?.amount ?? 0)
  return amounts.length === 0 ? undefined : amounts.reduce((sum, amount) => sum + amount, 0)
}

const approvalOf = (json: Json): string | undefined =>
  textAt(
    listAt(json, 'links').find((link) => ['payer-action', 'approve'].includes(textAt(link, 'rel') ?? '')),
    'href',
  )
