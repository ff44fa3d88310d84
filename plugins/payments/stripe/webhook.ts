import { createHmac, timingSafeEqual } from 'node:crypto'
import { WebhookRejected } from '../../../gateway/plugin.ts'
import type { AdapterContext, Json, WebhookEvent, WebhookRequest } from '../../../gateway/plugin.ts'
import { at, integerAt, present, textAt } from '../json.ts'
import type { PaymentEventName } from '../payment.ts'
import { moneyAt, referenceName } from './payment-intent.ts'

interface Reading {
  readonly name: PaymentEventName
  /** Where the payment's id, the amount and the reason stand in the object of the event. */
  readonly payment: string
  readonly amount: string
  readonly code?: readonly string[]
}

const readings: Readonly<Record<string, Reading>> = {
  'payment_intent.succeeded': { name: 'PaymentSucceeded', payment: 'id', amount: 'amount_received' },
  'payment_intent.payment_failed': { name: 'PaymentFailed', payment: 'id', amount: 'amount', code: ['last_payment_error', 'code'] },
  'payment_intent.canceled': { name: 'PaymentCanceled', payment: 'id', amount: 'amount', code: ['cancellation_reason'] },
  'payment_intent.amount_capturable_updated': { name: 'PaymentRequiresCapture', payment: 'id', amount: 'amount_capturable' },
  'charge.refunded': { name: 'PaymentRefunded', payment: 'payment_intent', amount: 'amount_refunded' },
  'charge.dispute.created': { name: 'PaymentDisputed', payment: 'payment_intent', amount: 'amount', code: ['reason'] },
}

/** Enough for every secret of an endpoint that is being rotated. */
const maxSignatures = 16
const maxHeaderLength = 4096

/**
 * Checks `Stripe-Signature` (`t=` seconds, `v1=` HMAC-SHA256 of `t.body`, one for each secret in force) and reads the event.
 * @throws {WebhookRejected}
 */
export function stripeEvents(request: WebhookRequest, { secret, settings, now }: AdapterContext): readonly WebhookEvent[] {
  const key = secret('settings.webhook_secret')
  if (key === undefined || key === '') throw new WebhookRejected('no webhook_secret is configured')
  const { timestamp, signatures } = signatureHeader(request.headers['stripe-signature'])
  const expected = createHmac('sha256', key).update(`${timestamp}.`).update(request.body).digest()
  // All are compared, so that the time says nothing about which one fits.
  const fits = signatures.filter((signature) => timingSafeEqual(signature, expected)).length > 0
  if (!fits) throw new WebhookRejected('no signature fits the body')
  const toleranceS = integerAt(settings, 'webhook_tolerance_seconds') ?? 300
  const ageS = now() / 1000 - Number(timestamp)
  if (Math.abs(ageS) > toleranceS) throw new WebhookRejected(`signed ${Math.round(ageS)} s ago, more than ${toleranceS} s off`)
  return eventsOf(bodyOf(request.body))
}

function signatureHeader(header: string | undefined): { readonly timestamp: string; readonly signatures: readonly Buffer[] } {
  if (header === undefined || header.length > maxHeaderLength) throw new WebhookRejected('no Stripe-Signature')
  const pairs = header.split(',').map((pair) => pair.trim().split('='))
  const timestamps = pairs.filter(([name]) => name === 't').map(([, value]) => value ?? '')
  const signatures = pairs
    .filter(([name, value]) => name === 'v1' && value !== undefined && /^[0-9a-f]{64}$/.test(value))
    .map(([, value]) => Buffer.from(value ?? '', 'hex'))
  const [timestamp] = timestamps
  if (timestamp === undefined || timestamps.length > 1 || !/^\d{1,12}$/.test(timestamp)) throw new WebhookRejected('Stripe-Signature has no time')
  if (signatures.length === 0 || signatures.length > maxSignatures) throw new WebhookRejected('Stripe-Signature has no v1 signature')
  return { timestamp, signatures }
}

function bodyOf(body: Buffer): Json {
  try {
    return JSON.parse(body.toString('utf8')) as Json
  } catch {
    throw new WebhookRejected('the body is not JSON')
  }
}

function eventsOf(event: Json): readonly WebhookEvent[] {
  const reading = readings[textAt(event, 'type') ?? '']
  if (reading === undefined) return []
  const object = at(event, 'data', 'object') ?? null
  const id = textAt(event, 'id')
  const created = integerAt(event, 'created')
  const currency = textAt(object, 'currency')
  const payment = textAt(object, reading.payment)
  // A charge or a dispute of something that is no payment of ours.
  if (payment === undefined && reading.payment !== 'id') return []
  const amount = moneyAt(object, reading.amount, currency)
  if (id === undefined || created === undefined || payment === undefined || currency === undefined || amount === undefined) {
    throw new WebhookRejected('the event lacks what its type promises')
  }
  const code = reading.code === undefined ? undefined : textAt(object, ...reading.code)
  const data = present({ payment, amount, currency, reference: textAt(object, 'metadata', referenceName), code })
  return [{ id, type: reading.name, atMs: created * 1000, data, subject: payment }]
}
