/**
 * Errors of the running gateway. Each code has one definition here and one section in `docs/errors.md`.
 * `type` of the failure for metrics is the code in lower case, so its values are bounded by this list.
 */
export const errorCatalogue = {
  BAD_REQUEST: { status: 400, title: 'Bad request', retryable: false },
  ROUTE_NOT_FOUND: { status: 404, title: 'No route matches', retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed', retryable: false },
  EVENT_SOURCE_UNDECLARED: { status: 403, title: 'The event does not come from a declared publisher', retryable: false },
  IDEMPOTENCY_KEY_MISSING: { status: 400, title: 'The operation needs an idempotency key', retryable: false },
  WEBHOOK_REJECTED: { status: 400, title: 'The webhook is not genuine, or too old', retryable: false },
  MESSAGE_NOT_FOUND: { status: 404, title: 'No message of this id is known', retryable: false },
  IDEMPOTENCY_IN_PROGRESS: { status: 409, title: 'A request with this idempotency key is being stored', retryable: false },
  IDEMPOTENCY_CONFLICT: { status: 422, title: 'The idempotency key was used for another request', retryable: false },
  OPERATION_INPUT_INVALID: { status: 422, title: 'The input does not fit the operation', retryable: false },
  OPERATION_FAILED: { status: 502, title: 'The provider did not do it', retryable: false },
  FLOW_COMPENSATED: { status: 502, title: 'A step failed, and what was done before it is undone', retryable: false },
  EVENT_INVALID: { status: 422, title: 'The event is not valid', retryable: false },
  CLIENT_TIMEOUT: { status: 408, title: 'The request took too long to arrive', retryable: false },
  BODY_TOO_LARGE: { status: 413, title: 'Request body too large', retryable: false },
  HEADERS_TOO_LARGE: { status: 431, title: 'Request headers too large', retryable: false },
  INTERNAL: { status: 500, title: 'Internal error', retryable: false },
  METHOD_NOT_IMPLEMENTED: { status: 501, title: 'Method not implemented', retryable: false },
  UPSTREAM_CONNECT_FAILED: { status: 502, title: 'The service could not be reached', retryable: true },
  UPSTREAM_RESET: { status: 502, title: 'The service broke off the connection', retryable: true },
  UPSTREAM_INVALID_RESPONSE: { status: 502, title: 'The service sent an invalid response', retryable: false },
  OVERLOADED: { status: 503, title: 'Too many requests in flight', retryable: false },
  CIRCUIT_OPEN: { status: 503, title: 'The circuit breaker of the service is open', retryable: false },
  NO_UPSTREAM: { status: 503, title: 'No address of the service is known', retryable: false },
  UPSTREAM_BUSY: { status: 503, title: 'Too many calls wait for the service', retryable: false },
  BROKER_UNAVAILABLE: { status: 503, title: 'The broker did not confirm the message', retryable: true },
  BROKER_MISCONFIGURED: { status: 503, title: 'The broker cannot be used as it is configured', retryable: false },
  STATE_UNAVAILABLE: { status: 503, title: 'The state store does not answer', retryable: true },
  SECRET_UNAVAILABLE: { status: 503, title: 'A secret is not there', retryable: true },
  QUEUE_FULL: { status: 503, title: 'The queue is full', retryable: true },
  MESSAGE_UNROUTABLE: { status: 503, title: 'No queue takes the message', retryable: false },
  UPSTREAM_TIMEOUT: { status: 504, title: 'The service did not answer in time', retryable: true },
  DEADLINE_EXCEEDED: { status: 504, title: 'The deadline of the call has passed', retryable: false },
  /** Never sent to anyone: the client has gone. 499 is for logs and metrics only. */
  CLIENT_GONE: { status: 499, title: 'The client went away', retryable: false },
} as const satisfies Record<string, ErrorDefinition>

interface ErrorDefinition {
  readonly status: number
  readonly title: string
  /** Whether another attempt may succeed; retry decisions read this, never the text. */
  readonly retryable: boolean
}

export type ErrorCode = keyof typeof errorCatalogue

export interface GatewayErrorOptions {
  /** For the caller: what is wrong and what to do; never upstream text. */
  readonly detail?: string
  /** Whether any byte of the request may have reached the upstream. */
  readonly sent?: boolean
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/** Thrown at run time; becomes RFC 9457 problem+json at the edge. */
export class GatewayError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly retryable: boolean
  readonly detail: string | undefined
  readonly sent: boolean
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    const definition = errorCatalogue[code]
    super(options.detail ?? definition.title, 'cause' in options ? { cause: options.cause } : undefined)
    this.name = 'GatewayError'
    this.code = code
    this.status = definition.status
    this.retryable = definition.retryable
    this.detail = options.detail
    this.sent = options.sent ?? false
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
