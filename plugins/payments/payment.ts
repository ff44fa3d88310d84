import type { Json, JsonSchema, OperationDefinition, WebhookDefinition } from '../../gateway/plugin.ts'
import { present, textAt } from './json.ts'

/**
 * What all adapters of the capability `payments` have in common: names, inputs and outputs of their operations and the events that they
 * publish, so that one can stand in for another.
 */
export type PaymentStatus = 'succeeded' | 'requires_capture' | 'requires_action' | 'processing' | 'canceled' | 'failed'
export type RefundStatus = 'succeeded' | 'processing' | 'canceled' | 'failed'

/** Amounts are whole numbers of the currency's smallest unit by ISO 4217. */
export interface Payment {
  readonly id: string
  readonly status: PaymentStatus
  readonly amount: number
  readonly currency: string
  readonly captured?: number | undefined
  readonly refunded?: number | undefined
  readonly reference?: string | undefined
  readonly actionUrl?: string | undefined
}

export interface Refund {
  readonly id: string
  readonly payment: string
  readonly status: RefundStatus
  readonly amount: number
  readonly currency: string
}

export const paymentJson = ({ id, status, amount, currency, captured, refunded, reference, actionUrl }: Payment): Json =>
  present({ id, status, amount, currency, captured, refunded, reference, action_url: actionUrl })

export const refundJson = ({ id, payment, status, amount, currency }: Refund): Json => ({ id, payment, status, amount, currency })

/** A refund of which nothing was left to do; it has the id of its payment. */
export const nothingLeft = ({ id, currency }: Pick<Payment, 'id' | 'currency'>): Json =>
  refundJson({ id, payment: id, status: 'succeeded', amount: 0, currency })

const amount = { type: 'integer', minimum: 1, maximum: 999_999_999_999, description: 'In the smallest unit of the currency (ISO 4217): cents, yen.' }
const count = { type: 'integer', minimum: 0 }
const currency = { type: 'string', pattern: '^[a-z]{3}$', description: 'ISO 4217, lower case.' }
const reference = { type: 'string', minLength: 1, maxLength: 127, description: 'Your own name for it, such as the number of the order.' }
const id = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[A-Za-z0-9_-]+$' }
const paymentId = { ...id, description: 'The `id` of the payment.' }

const object = (required: readonly string[], properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
})

const paymentOutput = object(['id', 'status', 'amount', 'currency'], {
  id,
  status: { type: 'string', enum: ['succeeded', 'requires_capture', 'requires_action', 'processing', 'canceled', 'failed'] },
  amount: count,
  currency,
  captured: { ...count, description: 'What was taken of it.' },
  refunded: { ...count, description: 'What was given back of it.' },
  reference,
  action_url: { type: 'string', minLength: 1, description: 'Where the customer confirms it, with `requires_action`.' },
})

const createInput = object(['amount', 'currency'], {
  amount,
  currency,
  capture: { type: 'string', enum: ['automatic', 'manual'], default: 'automatic', description: '`manual` only reserves the amount.' },
  description: { type: 'string', minLength: 1, maxLength: 500, description: 'For the customer and your books.' },
  reference,
  payment_method: { type: 'string', minLength: 1, maxLength: 255, description: 'What is charged, as the provider names it.' },
  customer: { type: 'string', minLength: 1, maxLength: 255, description: 'As the provider names them.' },
  metadata: {
    type: 'object',
    maxProperties: 40,
    propertyNames: { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,40}$' },
    additionalProperties: { type: 'string', maxLength: 500 },
    description: 'Kept with the payment where the provider can.',
  },
  return_url: { type: 'string', pattern: '^https?://', maxLength: 2000, description: 'Where the customer comes back to after a confirmation.' },
})

/** What undoes a payment or a capture: the whole of it, whatever it has come to by then. */
const whole = ({ output }: { readonly output: Json }): Json => ({ payment: textAt(output, 'id') ?? '', release_if_uncaptured: true })
const wholeIfCaptured = ({ output }: { readonly output: Json }): Json => ({ payment: textAt(output, 'id') ?? '', refund_if_captured: true })

/** @param ttl How long the provider remembers keys, in milliseconds. */
export const paymentOperations = (ttl: { readonly createMs: number; readonly refundMs: number }): Readonly<Record<string, OperationDefinition>> => ({
  create_payment: {
    summary: 'Charges a payment, or reserves it',
    input: createInput,
    output: paymentOutput,
    idempotency: 'key',
    keyTtlMs: ttl.createMs,
    duplicates: 'harmful',
    undo: { refund: whole, release_authorization: wholeIfCaptured },
  },
  capture_payment: {
    summary: 'Takes a reserved payment, or less of it; the rest is released',
    input: object(['payment'], { payment: paymentId, amount }),
    output: paymentOutput,
    idempotency: 'inherent',
    keyTtlMs: Infinity,
    duplicates: 'harmful',
    undo: { refund: whole, release_authorization: wholeIfCaptured },
  },
  refund: {
    summary: 'Gives a captured payment back, or a part of it',
    input: object(['payment'], {
      payment: paymentId,
      amount: { ...amount, description: 'What is not yet given back where absent.' },
      reason: { type: 'string', enum: ['duplicate', 'fraudulent', 'requested_by_customer'] },
      release_if_uncaptured: {
        type: 'boolean',
        default: false,
        description: 'All that is left of it, if anything: gives it up where it was not captured, and takes what was given back before as done.',
      },
    }),
    output: object(['id', 'payment', 'status', 'amount', 'currency'], {
      id,
      payment: id,
      status: { type: 'string', enum: ['succeeded', 'processing', 'canceled', 'failed'] },
      amount: count,
      currency,
    }),
    idempotency: 'key',
    keyTtlMs: ttl.refundMs,
    duplicates: 'harmful',
  },
  release_authorization: {
    summary: 'Gives up a reserved payment',
    input: object(['payment'], {
      payment: paymentId,
      refund_if_captured: { type: 'boolean', default: false, description: 'Refunds it whole where it is too late to release it.' },
    }),
    output: paymentOutput,
    idempotency: 'inherent',
    keyTtlMs: Infinity,
    duplicates: 'harmful',
  },
  get_payment: {
    summary: 'Reads a payment',
    input: object(['payment'], { payment: paymentId }),
    output: paymentOutput,
    idempotency: 'inherent',
    keyTtlMs: Infinity,
    duplicates: 'tolerable',
  },
})

export const paymentEventNames = [
  'PaymentSucceeded',
  'PaymentFailed',
  'PaymentCanceled',
  'PaymentRefunded',
  'PaymentRequiresCapture',
  'PaymentDisputed',
] as const

export type PaymentEventName = (typeof paymentEventNames)[number]

const summaries: Readonly<Record<PaymentEventName, string>> = {
  PaymentSucceeded: 'A payment was charged',
  PaymentFailed: 'A payment was declined',
  PaymentCanceled: 'A payment was given up before it was charged',
  PaymentRefunded: 'A payment was given back, or a part of it',
  PaymentRequiresCapture: 'A payment is reserved or approved and waits to be captured',
  PaymentDisputed: 'A customer disputes a payment',
}

const eventData = object(['payment', 'amount', 'currency'], {
  payment: { type: 'string', minLength: 1, description: '`id` of the payment.' },
  amount: { ...count, description: 'Of the payment; of a refund or a dispute, what it is about.' },
  currency,
  reference,
  code: { type: 'string', minLength: 1, description: "The provider's word for why." },
})

export const paymentWebhook = (summary: string): WebhookDefinition => ({
  summary,
  events: Object.fromEntries(paymentEventNames.map((name) => [name, { summary: summaries[name], data: eventData }])),
})
