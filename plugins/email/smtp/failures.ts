import { ProviderFailure } from '../../../gateway/plugin.ts'
import type { FailureKind } from '../../../gateway/plugin.ts'
import { withoutAddresses } from '../addresses.ts'

/** An error of nodemailer's connection. */
export interface SmtpError extends Error {
  readonly code?: string | undefined
  /** Last answer of the server, where the error is an answer. */
  readonly response?: string | undefined
  readonly responseCode?: number | undefined
  /** `CONN`, `EHLO`, `STARTTLS`, `AUTH PLAIN`, `MAIL FROM`, `RCPT TO`, `DATA`, `API` */
  readonly command?: string | undefined
}

/** @param began Whether the server may have the whole mail: it has said that it takes the text. */
export function smtpFailure(error: SmtpError, began: boolean): ProviderFailure {
  const { responseCode, response = '', command = '' } = error
  if (responseCode === undefined) return brokenOff(error, began)
  const enhanced = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1]
  const said = withoutAddresses(response)
  // A refusal is definite at every stage: the server has not taken the mail.
  return new ProviderFailure(kindOf(responseCode, enhanced ?? '', command), `the SMTP server answered to ${command}: ${said}`, {
    executed: 'no',
    code: enhanced ?? String(responseCode),
  })
}

/** @returns Whether the mail was never begun on this connection, so that another one may be tried: a server ends connections that are idle. */
export const isStaleConnection = (error: SmtpError, began: boolean): boolean =>
  !began && (error.responseCode === 421 || (error.responseCode === undefined && ['ECONNECTION', 'ESOCKET'].includes(error.code ?? '')))

function brokenOff({ code = 'unknown', command, message }: SmtpError, began: boolean): ProviderFailure {
  const executed = began ? 'unknown' : 'no'
  const where = began ? 'after the text of the mail was sent' : `at ${command ?? 'CONN'}`
  switch (code) {
    case 'EAUTH':
      return new ProviderFailure('unauthorized', 'the SMTP server takes none of our ways to log in', { executed: 'no', code })
    case 'EMESSAGE':
      return new ProviderFailure('invalid_request', 'the mail is larger than the SMTP server takes', { executed: 'no', code })
    case 'EPROTOCOL':
      return new ProviderFailure('invalid_response', `the server does not speak SMTP, ${where}`, { executed, code })
    case 'ETIMEDOUT':
      return new ProviderFailure('timeout', `the SMTP server did not answer ${where}`, { executed, code })
    default:
      return new ProviderFailure('network_error', `the connection to the SMTP server failed ${where}: ${withoutAddresses(message)}`, {
        executed,
        code,
      })
  }
}

/**
 * Codes of RFC 5321, 4.2.3 and, where the server gives them, the finer ones of RFC 3463: `x.1.y` addresses, `x.7.y` security and policy.
 * @param enhanced `5.1.1`, or nothing.
 */
function kindOf(code: number, enhanced: string, command: string): FailureKind {
  const subject = enhanced.split('.')[1]
  if (command.startsWith('AUTH') || [530, 534, 535, 538].includes(code)) return code < 500 ? 'service_down' : 'unauthorized'
  if (code < 500) return subject === '7' || code === 450 || code === 452 ? 'rate_limited' : 'service_down'
  if (code === 552 || enhanced === '5.3.4' || subject === '6') return subject === '2' ? 'rejected' : 'invalid_request'
  if (command === 'MAIL FROM') return subject === '1' || code === 501 || code === 553 ? 'invalid_request' : 'rejected'
  // The sender's address is meant, although it is the recipient's command.
  if (enhanced === '5.1.7' || enhanced === '5.1.8') return 'invalid_request'
  if (subject === '1') return 'invalid_email'
  if (subject === '7' || code === 554) return 'blocked_domain'
  if (command === 'RCPT TO' && subject === undefined && [501, 511, 550, 551, 553].includes(code)) return 'invalid_email'
  return 'rejected'
}
