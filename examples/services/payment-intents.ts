import { randomBytes } from 'node:crypto'

/** A payment, named and shaped as Stripe does. */
export interface PaymentIntent {
  readonly id: string
  readonly object: 'payment_intent'
  readonly amount: number
  amount_capturable: number
  amount_received: number
  readonly currency: string
  readonly capture_method: 'automatic' | 'manual'
  readonly created: number
  readonly livemode: false
  status: 'requires_payment_method' | 'requires_action' | 'requires_capture' | 'succeeded' | 'canceled'
  readonly customer: string | null
  readonly description: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly payment_method: string | null
  readonly client_secret: string
  latest_charge: string | null
  last_payment_error: CardError | null
  next_action: { readonly type: 'redirect_to_url'; readonly redirect_to_url: { readonly url: string; readonly return_url: string | null } } | null
  canceled_at: number | null
  cancellation_reason: string | null
}

export interface Charge {
  readonly id: string
  readonly object: 'charge'
  readonly amount: number
  amount_captured: number
  amount_refunded: number
  refunded: boolean
  captured: boolean
  readonly paid: boolean
  readonly currency: string
  readonly created: number
  readonly payment_intent: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface RefundRecord {
  readonly id: string
  readonly object: 'refund'
  readonly amount: number
  readonly currency: string
  readonly created: number
  readonly charge: string
  readonly payment_intent: string
  readonly reason: string | null
  readonly status: 'succeeded'
  readonly metadata: Readonly<Record<string, string>>
}

export interface CardError {
  readonly type: 'card_error'
  readonly code: string
  readonly decline_code?: string
  readonly message: string
}

/** A refusal in the words of Stripe's errors. */
export class Refused extends Error {
  readonly status: number
  readonly error: Readonly<Record<string, unknown>>

  constructor(status: number, error: Readonly<Record<string, unknown>>) {
    super(String(error['message']))
    this.status = status
    this.error = error
  }
}

export interface NewPayment {
  readonly amount: number
  readonly currency: string
  readonly capture: 'automatic' | 'manual'
  readonly confirm: boolean
  readonly method: string | undefined
  readonly customer: string | undefined
  readonly description: string | undefined
  readonly returnUrl: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

/** Stripe's cards for tests that do not simply work. Source: docs.stripe.com/testing. */
const cards: Readonly<Record<string, Omit<CardError, 'type' | 'message'> | 'asks'>> = {
  pm_card_visa_chargeDeclined: { code: 'card_declined', decline_code: 'generic_decline' },
  pm_card_chargeDeclined: { code: 'card_declined', decline_code: 'generic_decline' },
  pm_card_chargeDeclinedInsufficientFunds: { code: 'card_declined', decline_code: 'insufficient_funds' },
  pm_card_chargeDeclinedExpiredCard: { code: 'expired_card' },
  pm_card_authenticationRequired: 'asks',
  pm_card_threeDSecure2Required: 'asks',
}

const invalid = (status: number, code: string, message: string, more: object = {}): Refused =>
  new Refused(status, { type: 'invalid_request_error', code, message, ...more })

export interface PaymentBook {
  create(wanted: NewPayment): PaymentIntent
  capture(id: string, amount: number | undefined): PaymentIntent
  cancel(id: string, reason: string | undefined): PaymentIntent
  refund(id: string, amount: number | undefined, reason: string | undefined, metadata: Readonly<Record<string, string>>): RefundRecord
  intent(id: string): PaymentIntent
  charge(id: string | null): Charge | undefined
  refundById(id: string): RefundRecord
  intents(): readonly PaymentIntent[]
  refunds(): readonly RefundRecord[]
}

/** Payments in memory, with the states that Stripe gives them. @param now Milliseconds since the epoch. */
export const paymentBook = (now: () => number): PaymentBook => {
  const intents = new Map<string, PaymentIntent>()
  const charges = new Map<string, Charge>()
  const refunds = new Map<string, RefundRecord>()
  const seconds = (): number => Math.floor(now() / 1000)
  const newId = (prefix: string): string => `${prefix}_${randomBytes(12).toString('hex')}`

  const found = (id: string): PaymentIntent => {
    const intent = intents.get(id)
    if (intent === undefined) throw invalid(404, 'resource_missing', `No such payment_intent: '${id}'`, { param: 'intent' })
    return intent
  }
  const wrongState = (intent: PaymentIntent, what: string): Refused =>
    invalid(400, 'payment_intent_unexpected_state', `This PaymentIntent could not be ${what} because it has a status of ${intent.status}.`, {
      payment_intent: { ...intent },
    })

  const charged = (intent: PaymentIntent, captured: number): void => {
    const { id, amount, currency, metadata } = intent
    const charge: Charge = {
      id: newId('ch'),
      object: 'charge',
      amount,
      amount_captured: captured,
      amount_refunded: 0,
      refunded: false,
      captured: captured > 0,
      paid: true,
      currency,
      created: seconds(),
      payment_intent: id,
      metadata,
    }
    charges.set(charge.id, charge)
    intent.latest_charge = charge.id
  }

  const confirm = (intent: PaymentIntent, returnUrl: string | undefined): void => {
    const card = cards[intent.payment_method ?? '']
    if (card === 'asks') {
      intent.status = 'requires_action'
      const url = `https://hooks.stripe.example/redirect/${intent.id}`
      intent.next_action = { type: 'redirect_to_url', redirect_to_url: { url, return_url: returnUrl ?? null } }
      return
    }
    if (card !== undefined) {
      const error: CardError = { type: 'card_error', message: 'Your card was declined.', ...card }
      intent.status = 'requires_payment_method'
      intent.last_payment_error = error
      throw new Refused(402, { ...error, payment_intent: { ...intent } })
    }
    if (intent.capture_method === 'manual') {
      intent.status = 'requires_capture'
      intent.amount_capturable = intent.amount
      charged(intent, 0)
      return
    }
    intent.status = 'succeeded'
    intent.amount_received = intent.amount
    charged(intent, intent.amount)
  }

  return {
    create({ amount, currency, capture, confirm: confirmed, method, customer, description, returnUrl, metadata }) {
      if (method !== undefined && !method.startsWith('pm_')) {
        throw invalid(400, 'resource_missing', `No such PaymentMethod: '${method}'`, { param: 'payment_method' })
      }
      const id = newId('pi')
      const intent: PaymentIntent = {
        id,
        object: 'payment_intent',
        amount,
        amount_capturable: 0,
        amount_received: 0,
        currency,
        capture_method: capture,
        created: seconds(),
        livemode: false,
        status: 'requires_payment_method',
        customer: customer ?? null,
        metadata,
        description: description ?? null,
        payment_method: method ?? null,
        client_secret: `${id}_secret_${randomBytes(8).toString('hex')}`,
        latest_charge: null,
        last_payment_error: null,
        next_action: null,
        canceled_at: null,
        cancellation_reason: null,
      }
      intents.set(id, intent)
      if (confirmed) confirm(intent, returnUrl)
      return intent
    },
    capture(id, amount) {
      const intent = found(id)
      if (intent.status !== 'requires_capture') throw wrongState(intent, 'captured')
      const taken = amount ?? intent.amount_capturable
      if (taken > intent.amount_capturable) throw invalid(400, 'amount_too_large', 'The amount is more than what is capturable.')
      intent.status = 'succeeded'
      intent.amount_received = taken
      intent.amount_capturable = 0
      const charge = charges.get(intent.latest_charge ?? '')
      if (charge !== undefined) Object.assign(charge, { captured: true, amount_captured: taken })
      return intent
    },
    cancel(id, reason) {
      const intent = found(id)
      if (intent.status === 'succeeded' || intent.status === 'canceled') throw wrongState(intent, 'canceled')
      return Object.assign(intent, { status: 'canceled', amount_capturable: 0, canceled_at: seconds(), cancellation_reason: reason ?? null })
    },
    refund(id, amount, reason, metadata) {
      const intent = found(id)
      const charge = charges.get(intent.latest_charge ?? '')
      if (charge?.captured !== true) throw invalid(400, 'charge_not_refundable', 'This PaymentIntent has no successful charge to refund.')
      const left = charge.amount_captured - charge.amount_refunded
      if (left === 0) throw invalid(400, 'charge_already_refunded', `Charge ${charge.id} has already been refunded.`)
      const given = amount ?? left
      if (given > left) throw invalid(400, 'amount_too_large', `Refund amount (${given}) is greater than unrefunded amount on charge (${left})`)
      charge.amount_refunded += given
      charge.refunded = charge.amount_refunded === charge.amount_captured
      const refund: RefundRecord = {
        id: newId('re'),
        object: 'refund',
        amount: given,
        currency: intent.currency,
        created: seconds(),
        charge: charge.id,
        payment_intent: id,
        reason: reason ?? null,
        status: 'succeeded',
        metadata,
      }
      refunds.set(refund.id, refund)
      return refund
    },
    intent: found,
    charge: (id) => charges.get(id ?? ''),
    refundById(id) {
      const refund = refunds.get(id)
      if (refund === undefined) throw invalid(404, 'resource_missing', `No such refund: '${id}'`, { param: 'refund' })
      return refund
    },
    intents: () => [...intents.values()],
    refunds: () => [...refunds.values()],
  }
}
