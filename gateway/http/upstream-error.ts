import { GatewayError } from '../errors.ts'
import { keptConnectionLost } from '../services/kept-connection.ts'

const invalidResponse = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_RESPONSE_STATUS_CODE',
])
const timeouts = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/**
 * What went wrong on the way to an upstream, in the gateway's own words; the cause is kept for the log, never for the caller.
 * @param sent Whether any byte of the request may have reached the upstream: before that, every failure is a failed connection.
 */
export function upstreamError(error: unknown, sent: boolean): GatewayError {
  if (error instanceof GatewayError) return error
  const code = errorCode(error)
  if (code.startsWith('HPE_') || invalidResponse.has(code)) return new GatewayError('UPSTREAM_INVALID_RESPONSE', { sent, cause: error })
  if (timeouts.has(code)) return new GatewayError('UPSTREAM_TIMEOUT', { sent, cause: error })
  // What undici refuses before it opens a connection is a fault of the request that we built.
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return new GatewayError('BAD_REQUEST', { cause: error })
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') return new GatewayError('BAD_REQUEST', { sent, cause: error })
  if (code === 'UND_ERR_SOCKET' && /bad (response|upgrade)/.test(errorMessage(error))) {
    return new GatewayError('UPSTREAM_INVALID_RESPONSE', { sent, cause: error })
  }
  return new GatewayError(sent ? 'UPSTREAM_RESET' : 'UPSTREAM_CONNECT_FAILED', { sent, cause: error })
}

/** Whether the request met a kept connection that the upstream was just closing. */
export function metClosingConnection(error: unknown): boolean {
  return error instanceof GatewayError && errorCode(error.cause) === keptConnectionLost
}

function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
