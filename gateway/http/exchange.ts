import type { IncomingMessage, ServerResponse } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { TraceContext } from '../observe/trace.ts'
import type { Call } from '../pipe.ts'
import type { Service, Upstream } from '../services/service.ts'
import type { RequestBody } from './request-body.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'

/** Where the process stands; one object, read by every request. */
export interface Lifecycle {
  /** Connections are closed after their answer. */
  draining: boolean
}

export interface ExchangeFacts {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly path: string
  readonly query: string
  /** Host name in lower case, without port; empty where the client sent none. */
  readonly host: string
  /** `Host` as the client sent it, checked. */
  readonly authority: string
  /** Address of the client, as far as trusted proxies tell it. */
  readonly client: string
  readonly trace: TraceContext
  /** Milliseconds on the monotonic clock. */
  readonly startedAtMs: number
  /** Headers sent upstream: name in lower case, value, ...; the first pair is a place for `host`. */
  readonly upstreamHeaders: string[]
  readonly lifecycle: Lifecycle
  /** Protocol that the connection is to be upgraded to, `websocket`. */
  readonly upgrade: string | undefined
}

/** One request on its way through the gateway: what the stages of its pipe share, and what the log line says of it. */
export class Exchange implements Call {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly path: string
  readonly query: string
  readonly host: string
  readonly authority: string
  readonly client: string
  readonly trace: TraceContext
  readonly startedAtMs: number
  readonly lifecycle: Lifecycle
  readonly upgrade: string | undefined
  upstreamHeaders: string[]
  upstreamPath: string
  body: RequestBody | undefined = undefined
  service: Service | undefined = undefined
  /** Address of the running or last attempt. */
  upstream: Upstream | undefined = undefined
  /** The running or last attempt. */
  answer: UpstreamAnswer | undefined = undefined
  /** Milliseconds from the start until the answer's headers were here; -1 before. */
  answeredAfterMs = -1
  errorCode: ErrorCode | undefined = undefined
  /** Why the gateway itself cut an answer that had begun. */
  cutBy: ErrorCode | undefined = undefined
  /** Bytes of response body handed to the client's connection. */
  bytesOut = 0

  deadlineAtMs = Infinity
  attempts = 0
  aborted = false
  sent = false
  progressAtMs = -Infinity
  /** Ends the wait between two attempts, while there is one. */
  wake: ((reason: Error) => void) | undefined = undefined

  constructor(facts: ExchangeFacts) {
    this.req = facts.req
    this.res = facts.res
    this.method = facts.req.method as string
    this.path = facts.path
    this.query = facts.query
    this.host = facts.host
    this.authority = facts.authority
    this.client = facts.client
    this.trace = facts.trace
    this.startedAtMs = facts.startedAtMs
    this.lifecycle = facts.lifecycle
    this.upgrade = facts.upgrade
    this.upstreamHeaders = facts.upstreamHeaders
    this.upstreamPath = facts.path
  }

  cancel(reason: Error): void {
    if (this.wake !== undefined) this.wake(reason)
    // Time that ran out while the service waited for the client's body is not the fault of the service.
    else this.answer?.cancel(this.body?.starved === true && !this.aborted ? new GatewayError('CLIENT_TIMEOUT') : reason)
  }

  /** The client has gone: ends the call without blame for the service. */
  abandon(): void {
    this.aborted = true
    this.cancel(new GatewayError('CLIENT_GONE'))
  }
}
