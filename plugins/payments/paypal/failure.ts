import { failureOfStatus, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import type { Json, ProviderAnswer } from '../../../gateway/plugin.ts'
import { failureOfProxy } from '../failure.ts'
import { textAt } from '../json.ts'

/** Understood and refused. Source: the 403 and 422 issues of PayPal's OpenAPI of Orders v2 and Payments v2. */
const refusals: ReadonlySet<string> = new Set(
  `
  AGREEMENT_ALREADY_CANCELLED ALIAS_DECLINED_BY_PROCESSOR AUTHORIZATION_ALREADY_CAPTURED AUTHORIZATION_AMOUNT_EXCEEDED AUTHORIZATION_DENIED
  AUTHORIZATION_EXPIRED AUTHORIZATION_VOIDED CANNOT_BE_VOIDED CAPTURE_FULLY_REFUNDED CARD_EXPIRED COMPLIANCE_VIOLATION CONSENT_NEEDED
  DECLINED_DUE_TO_RELATED_TXN INSTRUMENT_DECLINED MAX_AUTHORIZATION_COUNT_EXCEEDED MAX_CAPTURE_AMOUNT_EXCEEDED MAX_CAPTURE_COUNT_EXCEEDED
  MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED MAX_NUMBER_OF_REFUNDS_EXCEEDED ORDER_ALREADY_AUTHORIZED ORDER_ALREADY_CAPTURED
  ORDER_COMPLETED_OR_VOIDED ORDER_EXPIRED ORDER_NOT_APPROVED PARTIAL_REFUND_NOT_ALLOWED PAYEE_ACCOUNT_LOCKED_OR_CLOSED PAYEE_ACCOUNT_RESTRICTED
  PAYEE_BLOCKED_TRANSACTION PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED PAYER_ACTION_REQUIRED PAYER_CANNOT_PAY
  PAYMENT_SOURCE_CANNOT_BE_USED PAYMENT_SOURCE_DECLINED_BY_PROCESSOR PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED PENDING_CAPTURE PREVIOUSLY_CAPTURED
  PREVIOUSLY_VOIDED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING REFERENCED_CARD_EXPIRED REFUND_AMOUNT_EXCEEDED REFUND_AMOUNT_TOO_LOW
  REFUND_FAILED_INSUFFICIENT_FUNDS REFUND_IS_RESTRICTED REFUND_NOT_ALLOWED REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK REFUND_TIME_LIMIT_EXCEEDED
  TOKEN_EXPIRED TRANSACTION_BLOCKED_BY_PAYEE TRANSACTION_DISPUTED TRANSACTION_LIMIT_EXCEEDED TRANSACTION_RECEIVING_LIMIT_EXCEEDED
  TRANSACTION_REFUSED
  `
    .trim()
    .split(/\s+/),
)

const busy: ReadonlySet<string> = new Set(['PREVIOUS_REQUEST_IN_PROGRESS', 'ORDER_COMPLETION_IN_PROGRESS'])

/**
 * Reads an answer that is no success. `code` is PayPal's issue, or its name where there is none; descriptions may quote what the caller sent, so
 * they stay out.
 * @param attempt Of the intent; from the second on, a duplicate may be our own.
 */
export function failureOf(answer: ProviderAnswer, nowMs: number, attempt: number): ProviderFailure {
  const body = bodyOf(answer)
  const code = textAt(body, 'details', 0, 'issue') ?? textAt(body, 'issues', 0, 'issue') ?? textAt(body, 'name')
  const { kind, executed } = verdict(answer.status, code, attempt)
  const retryAfterMs = retryAfterOf(answer.headers, nowMs)
  return new ProviderFailure(kind, `PayPal answered ${answer.status} (${code ?? 'no code'})`, {
    executed,
    status: answer.status,
    ...(code === undefined ? {} : { code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

function verdict(status: number, code: string | undefined, attempt: number): Pick<ProviderFailure, 'kind' | 'executed'> {
  if (code === undefined) return failureOfProxy(status)
  if (status >= 500) return failureOfStatus(status)
  if (busy.has(code)) return { kind: 'in_progress', executed: 'unknown' }
  // Our ids are made from the intent: other parameters can only mean that an earlier version of us sent them.
  if (code === 'DUPLICATE_REQUEST_ID') return { kind: 'key_conflict', executed: 'unknown' }
  // Of two requests with one id at the same time PayPal may refuse the second like this, while the first is charged.
  if (code === 'DUPLICATE_INVOICE_ID') return { kind: 'rejected', executed: attempt === 1 ? 'no' : 'unknown' }
  if (refusals.has(code)) return { kind: 'rejected', executed: 'no' }
  if (code === 'RATE_LIMIT_REACHED') return { kind: 'rate_limited', executed: 'no' }
  if (code === 'RESOURCE_NOT_FOUND' || code === 'INVALID_RESOURCE_ID') return { kind: 'not_found', executed: 'no' }
  return failureOfStatus(status)
}

function bodyOf(answer: ProviderAnswer): Json | undefined {
  try {
    return answer.json()
  } catch {
    // A proxy's page instead of an answer.
    return undefined
  }
}
