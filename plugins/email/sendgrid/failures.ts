import { failureOfStatus, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import type { FailureDetails, FailureKind, Json, ProviderAnswer } from '../../../gateway/plugin.ts'
import { withoutAddresses } from '../addresses.ts'
import { fieldsOf, listOf, textOf } from '../events.ts'

interface SendgridError {
  readonly field: string
  readonly message: string
}

const recipientField = /^personalizations(?:\.(\d+))?\.(?:to|cc|bcc)\b/
const refused = /\b(?:block(?:ed|list)|blacklist|suppress|denylist|unsubscribed)/i

/**
 * SendGrid's errors are words for people with the name of a field; 4xx have no effect.
 * Source: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/responses
 */
export function sendgridFailure(answer: ProviderAnswer, nowMs: number): ProviderFailure {
  const { status, headers } = answer
  const errors = errorsOf(answer)
  const plain = failureOfStatus(status)
  const { kind, code } = status < 500 ? wordOf(status, errors, plain.kind) : { kind: plain.kind, code: undefined }
  const first = errors[0]
  const where = first === undefined || first.field === '' ? '' : ` at ${first.field}`
  const message = `SendGrid answered ${status}${where}${first === undefined ? '' : `: ${withoutAddresses(first.message)}`}`
  const retryAfterMs = status === 429 || status === 503 ? (resetOf(headers, nowMs) ?? retryAfterOf(headers, nowMs)) : undefined
  return new ProviderFailure(kind, message, { executed: plain.executed, status, ...optional({ code, retryAfterMs }) })
}

/** Positions among `count` mails whose recipients SendGrid does not take; empty where the error is about something else or does not say. */
export function refusedPositions(answer: ProviderAnswer, count: number): ReadonlySet<number> {
  const errors = answer.status === 400 ? errorsOf(answer) : []
  const positions = errors.map(({ field }) => Number(recipientField.exec(field)?.[1] ?? NaN))
  return new Set(positions.every((position) => position < count) ? positions : [])
}

function wordOf(status: number, errors: readonly SendgridError[], otherwise: FailureKind): { kind: FailureKind; code: string | undefined } {
  const found = (matches: (error: SendgridError) => boolean): boolean => errors.some(matches)
  if (status === 401 && found(({ message }) => /credits? exceeded/i.test(message))) return { kind: 'rejected', code: 'credits_exceeded' }
  if (status === 413) return { kind: 'invalid_request', code: 'too_large' }
  if (status !== 400 && status !== 403) return { kind: otherwise, code: undefined }
  if (found(({ message, field }) => refused.test(message) && !field.startsWith('from'))) return { kind: 'blocked_domain', code: 'recipient_blocked' }
  if (found(({ field }) => field.startsWith('template_id'))) return { kind: 'template_error', code: 'template_missing' }
  if (found(({ field, message }) => /dynamic_template_data|substitutions/.test(field) || /\btemplate\b/i.test(message)))
    return { kind: 'template_error', code: 'template_data' }
  if (found(({ field }) => recipientField.test(field))) return { kind: 'invalid_email', code: 'recipient_invalid' }
  return { kind: otherwise, code: errors[0]?.field === '' ? undefined : errors[0]?.field.replaceAll(/[^\w.]/g, '').slice(0, 80) }
}

function errorsOf(answer: ProviderAnswer): readonly SendgridError[] {
  const body = readable(answer)
  return listOf(fieldsOf(body)['errors'])
    .map(fieldsOf)
    .map(({ field, message }) => ({ field: textOf(field) ?? '', message: textOf(message) ?? '' }))
}

/** Proxies in front of SendGrid answer in HTML. */
function readable(answer: ProviderAnswer): Json {
  try {
    return answer.json()
  } catch {
    return null
  }
}

/** `X-RateLimit-Reset`: seconds since the epoch. */
function resetOf(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const text = headers['x-ratelimit-reset']
  return text !== undefined && /^\d{1,12}$/.test(text) ? Math.max(0, Number(text) * 1000 - nowMs) : undefined
}

const optional = ({
  code,
  retryAfterMs,
}: {
  code: string | undefined
  retryAfterMs: number | undefined
}): Pick<FailureDetails, 'code' | 'retryAfterMs'> => ({
  ...(code === undefined ? {} : { code }),
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})
