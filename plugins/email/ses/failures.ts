import { failureOfStatus, ProviderFailure, retryAfterOf } from '../../../gateway/plugin.ts'
import type { Executed, FailureKind, ProviderAnswer } from '../../../gateway/plugin.ts'
import { withoutAddresses } from '../addresses.ts'
import { fieldsOf, textOf } from '../events.ts'
import type { Fields } from '../events.ts'

/**
 * Common to the errors of calls and to the results of the mails of a bulk call.
 * Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, and `BulkEmailEntryResult` there.
 */
const words: Readonly<Record<string, FailureKind>> = {
  TooManyRequestsException: 'rate_limited',
  ThrottlingException: 'rate_limited',
  LimitExceededException: 'rate_limited',
  ACCOUNT_THROTTLED: 'rate_limited',
  ACCOUNT_DAILY_QUOTA_EXCEEDED: 'rate_limited',
  AccountSuspendedException: 'rejected',
  ACCOUNT_SUSPENDED: 'rejected',
  MailFromDomainNotVerifiedException: 'rejected',
  MAIL_FROM_DOMAIN_NOT_VERIFIED: 'rejected',
  CONFIGURATION_SET_NOT_FOUND: 'not_found',
  INVALID_SENDING_POOL_NAME: 'not_found',
  TEMPLATE_NOT_FOUND: 'template_error',
  // Somebody has stopped it, and will start it again.
  SendingPausedException: 'service_down',
  ACCOUNT_SENDING_PAUSED: 'service_down',
  CONFIGURATION_SET_SENDING_PAUSED: 'service_down',
  TRANSIENT_FAILURE: 'service_down',
  InternalServiceErrorException: 'provider_error',
  UnrecognizedClientException: 'unauthorized',
  InvalidSignatureException: 'unauthorized',
  InvalidClientTokenId: 'unauthorized',
  SignatureDoesNotMatch: 'unauthorized',
  ExpiredTokenException: 'unauthorized',
  AccessDeniedException: 'unauthorized',
}

/** For words that mean several things, what SES says beside them. */
const blocked = /suppress|blacklist|block(?:ed|list)|denylist/i
const badAddress =
  /illegal address|missing final '@domain'|invalid recipient|(?:local|domain) (?:address|part|name|contains)[\s\S]*(?:illegal|control|invalid)|invalid domain name|address[\s\S]*(?:invalid|malformed)|non-ascii[\s\S]*address/i
const badTemplate = /template|rendering/i

const ambiguous = new Set([
  'MessageRejected',
  'MESSAGE_REJECTED',
  'BadRequestException',
  'ValidationException',
  'INVALID_PARAMETER',
  'INVALID_PARAMETER_VALUE',
  'FAILED',
])

function kindOf(word: string, message: string, otherwise: FailureKind, templated: boolean): FailureKind {
  const known = words[word]
  if (known !== undefined) return known
  if (word === 'NotFoundException') return templated && !/configuration set/i.test(message) ? 'template_error' : 'not_found'
  if (!ambiguous.has(word)) return otherwise
  if (blocked.test(message)) return 'blocked_domain'
  if (badAddress.test(message)) return 'invalid_email'
  if (templated && badTemplate.test(message)) return 'template_error'
  return /^message_?rejected$/i.test(word) ? 'rejected' : otherwise
}

/** @param templated Whether the call named a template: what SES does not find then is the template. */
export function sesFailure(answer: ProviderAnswer, templated: boolean, nowMs: number): ProviderFailure {
  const { status, headers } = answer
  const body = bodyOf(answer)
  const word = (headers['x-amzn-errortype']?.split(':')[0] ?? textOf(body['__type'])?.split('#').at(-1) ?? textOf(body['type']) ?? '').slice(0, 80)
  const message = textOf(body['message']) ?? textOf(body['Message']) ?? ''
  const plain = failureOfStatus(status)
  const executed: Executed = status < 500 || status === 503 ? 'no' : plain.executed
  const retryAfterMs = retryAfterOf(headers, nowMs)
  const kind = status < 500 ? kindOf(word, message, plain.kind, templated) : plain.kind
  return new ProviderFailure(kind, `SES answered ${status} ${word}: ${withoutAddresses(message)}`, {
    executed: plain.kind === 'invalid_response' ? 'unknown' : executed,
    status,
    ...(word === '' ? {} : { code: word }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** @param status Of a mail in a bulk call: nothing else than `SUCCESS` has an effect. */
export const sesEntryFailure = (status: string, message: string): ProviderFailure =>
  new ProviderFailure(kindOf(status, message, 'rejected', true), `SES answered ${status.slice(0, 80)} for this mail: ${withoutAddresses(message)}`, {
    executed: 'no',
    code: status.slice(0, 80),
  })

function bodyOf(answer: ProviderAnswer): Fields {
  try {
    return fieldsOf(answer.json())
  } catch {
    return {}
  }
}
