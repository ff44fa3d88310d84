import { failureOfStatus, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import type { FailureDetails, FailureKind, Json, ProviderAnswer } from '../../../gateway/plugin.ts'
import { failureOfProxy } from '../failure.ts'
import { at, textAt } from '../json.ts'

/** The state of the payment forbids it: understood and refused, though Stripe calls it an invalid request. */
const refusals: ReadonlySet<string> = new Set([
  'amount_too_large',
  'amount_too_small',
  'charge_already_captured',
  'charge_already_refunded',
  'charge_disputed',
  'charge_expired_for_capture',
  'charge_not_refundable',
  'payment_intent_unexpected_state',
  'refund_disputed_payment',
])

/** A failure that Stripe answered, with the payment that it sent along. */
export class StripeFailure extends ProviderFailure {
  readonly payment: Json | undefined

  constructor(kind: FailureKind, message: string, details: FailureDetails, payment: Json | undefined) {
    super(kind, message, details)
    this.payment = payment
  }
}

/**
 * Reads an answer that is no success. Messages of Stripe may quote what the caller sent, so they stay out of ours.
 * Source: docs.stripe.com/error-codes, docs.stripe.com/error-low-level.
 */
export function failureOf(answer: ProviderAnswer, nowMs: number): StripeFailure {
  const error = errorOf(answer)
  const type = textAt(error, 'type')
  const code = textAt(error, 'code') ?? type
  const decline = textAt(error, 'decline_code')
  const { kind, executed } = verdict(answer.status, type, code)
  const retryAfterMs = retryAfterOf(answer.headers, nowMs)
  const words = [code ?? 'no code', ...(decline === undefined ? [] : [decline])].join(', ')
  const details = {
    executed,
    status: answer.status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
  return new StripeFailure(kind, `Stripe answered ${answer.status} (${words})`, details, at(error, 'payment_intent'))
}

function verdict(status: number, type: string | undefined, code: string | undefined): Pick<ProviderFailure, 'kind' | 'executed'> {
  // The lock of an object was not had in time, before anything was done; Stripe answers it with 429.
  if (code === 'lock_timeout') return { kind: 'in_progress', executed: 'no' }
  if (status === 409) return { kind: 'in_progress', executed: 'unknown' }
  if (type === undefined) return failureOfProxy(status)
  // Our keys are made from the intent: another digest of parameters can only mean that an earlier version of us sent them.
  if (type === 'idempotency_error') return { kind: 'key_conflict', executed: 'unknown' }
  if (type === 'card_error') return { kind: 'rejected', executed: 'no' }
  if (status < 500 && code !== undefined && refusals.has(code)) return { kind: 'rejected', executed: 'no' }
  return failureOfStatus(status)
}

function errorOf(answer: ProviderAnswer): Json | undefined {
  try {
    return at(answer.json(), 'error')
  } catch {
    // A proxy's page instead of an answer.
    return undefined
  }
}
