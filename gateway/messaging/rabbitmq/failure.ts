import { GatewayError } from '../../errors.ts'
import type { ErrorCode } from '../../errors.ts'
import { isTlsFailure } from '../tls-failure.ts'

/** Reply codes of AMQP 0-9-1 that are told apart here. */
export const replyCodes = { accessRefused: 403, notFound: 404, resourceLocked: 405, preconditionFailed: 406, notAllowed: 530 } as const

/** What the broker refused an operation with; undefined for everything that is not an answer of the broker. */
export function replyCode(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'number' ? code : undefined
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** @param why For the log: callers learn the code only. */
export const unavailable = (why: string, cause?: unknown): GatewayError =>
  new GatewayError('BROKER_UNAVAILABLE', { cause: new Error(why, cause === undefined ? undefined : { cause }) })

export const hasCode = (error: unknown, code: ErrorCode): boolean => error instanceof GatewayError && error.code === code

/**
 * Whether a connection was refused for a reason that waiting does not remove: wrong credentials, a virtual host that does not exist or is not
 * permitted, a certificate that is not trusted, a port that speaks no TLS.
 */
export function isLasting(error: unknown): boolean {
  return lastingText.test(textOf(error)) || isTlsFailure(error)
}

/** The client library does not tell why the opening of a virtual host was refused. */
const lastingText = /ACCESS[-_]REFUSED|NOT[-_]ALLOWED|SASL mechanism|Expected ConnectionOpenOk/
