import { randomBytes } from 'node:crypto'

interface Amount {
  readonly currency_code: string
  readonly value: string
}

interface Authorization {
  readonly id: string
  status: 'CREATED' | 'CAPTURED' | 'VOIDED' | 'DENIED'
  readonly amount: Amount
}

interface Capture {
  readonly id: string
  status: 'COMPLETED' | 'DECLINED' | 'PARTIALLY_REFUNDED' | 'REFUNDED'
  readonly amount: Amount
  readonly supplementary_data: { readonly related_ids: { readonly order_id: string } }
}

interface Refund {
  readonly id: string
  readonly status: 'COMPLETED'
  readonly amount: Amount
  readonly custom_id?: string
  readonly links: readonly { readonly rel: 'up'; readonly href: string }[]
}

export interface PaypalOrder {
  readonly id: string
  readonly intent: 'CAPTURE' | 'AUTHORIZE'
  status: 'CREATED' | 'PAYER_ACTION_REQUIRED' | 'APPROVED' | 'COMPLETED'
  readonly purchase_units: readonly [
    {
      readonly amount: Amount
      readonly custom_id?: string
      readonly invoice_id?: string
      readonly payments: { readonly captures: Capture[]; readonly authorizations: Authorization[]; readonly refunds: Refund[] }
    },
  ]
  readonly links: readonly { readonly rel: string; readonly href: string }[]
}

export interface NewOrder {
  readonly intent: 'CAPTURE' | 'AUTHORIZE'
  readonly purchase_units: readonly [{ readonly amount: Amount; readonly custom_id?: string; readonly invoice_id?: string }]
  readonly payment_source?: Readonly<Record<string, { readonly vault_id?: string; readonly experience_context?: object }>>
}

/** An issue of PayPal, with its status. */
export class PaypalRefusal extends Error {
  readonly status: number
  readonly issue: string

  constructor(status: number, issue: string) {
    super(issue)
    this.status = status
    this.issue = issue
  }
}

export interface PaypalOrders {
  create(wanted: NewOrder): PaypalOrder
  order(id: string): PaypalOrder
  approve(id: string): void
  /** Captures or authorizes what was approved. */
  complete(id: string, how: PaypalOrder['intent']): PaypalOrder
  captureAuthorization(id: string, wanted: { readonly amount?: Amount }): Capture
  voidAuthorization(id: string): void
  refund(capture: string, wanted: { readonly amount?: Amount; readonly custom_id?: string }): Refund
  capture(id: string): Capture
  all(): readonly PaypalOrder[]
  charges(): ReadonlyMap<string, number>
}

const cents = ({ value }: Amount): number => Math.round(Number(value) * 1000)
const charged: ReadonlySet<Capture['status']> = new Set(['COMPLETED', 'PARTIALLY_REFUNDED', 'REFUNDED'])

/** Orders in memory, with the states that PayPal gives them. Vaulted methods whose id begins with `declined` are declined. */
export const paypalOrders = (url: () => string): PaypalOrders => {
  const orders = new Map<string, PaypalOrder>()
  const newId = (): string => randomBytes(8).toString('hex').toUpperCase()
  const unprocessable = (issue: string): PaypalRefusal => new PaypalRefusal(422, issue)

  const order = (id: string): PaypalOrder => {
    const found = orders.get(id)
    if (found === undefined) throw new PaypalRefusal(404, 'INVALID_RESOURCE_ID')
    return found
  }
  const payments = (one: PaypalOrder): PaypalOrder['purchase_units'][0]['payments'] => one.purchase_units[0].payments
  const captured = (one: PaypalOrder, amount: Amount, status: Capture['status']): Capture => {
    const capture: Capture = { id: newId(), status, amount, supplementary_data: { related_ids: { order_id: one.id } } }
    payments(one).captures.push(capture)
    return capture
  }
  const completed = (one: PaypalOrder): PaypalOrder => {
    const { amount } = one.purchase_units[0]
    if (one.intent === 'CAPTURE') captured(one, amount, 'COMPLETED')
    else payments(one).authorizations.push({ id: newId(), status: 'CREATED', amount })
    one.status = 'COMPLETED'
    return one
  }
  const authorization = (id: string): { readonly one: PaypalOrder; readonly held: Authorization } => {
    for (const one of orders.values()) {
      const held = payments(one).authorizations.find((candidate) => candidate.id === id)
      if (held !== undefined) return { one, held }
    }
    throw new PaypalRefusal(404, 'INVALID_RESOURCE_ID')
  }
  const captureOf = (id: string): { readonly one: PaypalOrder; readonly capture: Capture } => {
    for (const one of orders.values()) {
      const capture = payments(one).captures.find((candidate) => candidate.id === id)
      if (capture !== undefined) return { one, capture }
    }
    throw new PaypalRefusal(404, 'INVALID_RESOURCE_ID')
  }

  return {
    create({ intent, purchase_units: [unit], payment_source: source = {} }) {
      const used = unit.invoice_id !== undefined && [...orders.values()].some((other) => other.purchase_units[0].invoice_id === unit.invoice_id)
      if (used) throw unprocessable('DUPLICATE_INVOICE_ID')
      const method = Object.values(source)[0]
      if (method?.vault_id?.startsWith('declined') === true) throw unprocessable('INSTRUMENT_DECLINED')
      const id = newId()
      const rel = method?.experience_context === undefined ? 'approve' : 'payer-action'
      const one: PaypalOrder = {
        id,
        intent,
        status: rel === 'approve' ? 'CREATED' : 'PAYER_ACTION_REQUIRED',
        purchase_units: [{ ...unit, payments: { captures: [], authorizations: [], refunds: [] } }],
        links: [{ rel, href: `https://www.sandbox.paypal.com/checkoutnow?token=${id}` }],
      }
      orders.set(id, one)
      return method?.vault_id === undefined ? one : completed(one)
    },
    order,
    approve(id) {
      order(id).status = 'APPROVED'
    },
    complete(id, how) {
      const one = order(id)
      if (one.status === 'COMPLETED') throw unprocessable(how === 'CAPTURE' ? 'ORDER_ALREADY_CAPTURED' : 'ORDER_ALREADY_AUTHORIZED')
      if (one.status !== 'APPROVED') throw unprocessable('ORDER_NOT_APPROVED')
      if (one.intent !== how) throw unprocessable('ACTION_DOES_NOT_MATCH_INTENT')
      return completed(one)
    },
    captureAuthorization(id, { amount }) {
      const { one, held } = authorization(id)
      if (held.status === 'VOIDED') throw unprocessable('AUTHORIZATION_VOIDED')
      if (held.status !== 'CREATED') throw unprocessable('AUTHORIZATION_ALREADY_CAPTURED')
      if (amount !== undefined && cents(amount) > cents(held.amount)) throw unprocessable('MAX_CAPTURE_AMOUNT_EXCEEDED')
      held.status = 'CAPTURED'
      return captured(one, amount ?? held.amount, 'COMPLETED')
    },
    voidAuthorization(id) {
      const { held } = authorization(id)
      if (held.status === 'CAPTURED') throw unprocessable('PREVIOUSLY_CAPTURED')
      if (held.status === 'VOIDED') throw unprocessable('PREVIOUSLY_VOIDED')
      held.status = 'VOIDED'
    },
    refund(id, { amount, custom_id: customId }) {
      const { one, capture } = captureOf(id)
      const before = payments(one).refunds.reduce((sum, refund) => sum + cents(refund.amount), 0)
      const left = cents(capture.amount) - before
      if (left === 0) throw unprocessable('CAPTURE_FULLY_REFUNDED')
      if (amount !== undefined && cents(amount) > left) throw unprocessable('REFUND_AMOUNT_EXCEEDED')
      const rest = { currency_code: capture.amount.currency_code, value: String(left / 1000) }
      const refund: Refund = {
        id: newId(),
        status: 'COMPLETED',
        amount: amount ?? (before === 0 ? capture.amount : rest),
        ...(customId === undefined ? {} : { custom_id: customId }),
        links: [{ rel: 'up', href: `${url()}/v2/payments/captures/${id}` }],
      }
      payments(one).refunds.push(refund)
      capture.status = cents(refund.amount) === left ? 'REFUNDED' : 'PARTIALLY_REFUNDED'
      return refund
    },
    capture: (id) => captureOf(id).capture,
    all: () => [...orders.values()],
    charges() {
      const counts = new Map<string, number>()
      for (const one of orders.values()) {
        const reference = one.purchase_units[0].custom_id ?? one.id
        const times = payments(one).captures.filter(({ status }) => charged.has(status)).length
        if (times > 0) counts.set(reference, (counts.get(reference) ?? 0) + times)
      }
      return counts
    },
  }
}
