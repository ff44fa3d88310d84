import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { GatewayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Call } from '../pipe.ts'
import type { Outcome, Upstream } from '../services/service.ts'
import { metClosingConnection, upstreamError } from './upstream-error.ts'

/** Where the body of an answer goes. */
export interface AnswerSink {
  /** @returns False when the sink is full: nothing more comes until `resume`. */
  write(chunk: Buffer): boolean
  end(trailers: AnswerHeaders | undefined): void
  /** The answer broke off. */
  fail(error: GatewayError): void
}

export type AnswerHeaders = Record<string, string | string[] | undefined>

// Informational answers are swallowed; an upstream that sends more of them than any protocol needs is broken.
const maxInformational = 16
// Chunks that arrive in the same read as the headers wait here for the sink; more than this pauses the connection.
const maxWaitingBytes = 128 * 1024

const clientsFault = new Set<ErrorCode>(['CLIENT_GONE', 'CLIENT_TIMEOUT', 'BODY_TOO_LARGE'])

/** Other codings were not asked for (RFC 9112, section 6.1) and would reach the client unnamed, undone by nobody. */
const isChunked = (encoding: string | string[]): boolean => typeof encoding === 'string' && encoding.toLowerCase() === 'chunked'

/**
 * One attempt on one connection, as undici's handler. `headers` resolves when the answer's headers are here; the
 * body then waits, paused, until it is given a sink or discarded.
 */
export class UpstreamAnswer implements Dispatcher.DispatchHandler {
  status = 0
  headers: AnswerHeaders = {}
  /** The upstream's connection, after it has switched protocols. */
  socket: Duplex | undefined
  /** Whether any byte of the request may have reached the upstream. */
  sent = false
  /** What the attempt sends, where that can be read only once. */
  body: Readable | undefined
  readonly upstream: Upstream
  readonly #call: Call
  readonly #resolve: (answer: UpstreamAnswer) => void
  readonly #reject: (error: unknown) => void
  #controller: Dispatcher.DispatchController | undefined
  #informational = 0
  #cancelled: Error | undefined
  /** What the attempt counts as that ended while it waited for a connection. */
  #givenUp: Outcome | undefined
  #counted = false
  #sink: AnswerSink | undefined
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #ended = false
  #trailers: AnswerHeaders | undefined
  #failure: GatewayError | undefined

  constructor(upstream: Upstream, call: Call, resolve: (answer: UpstreamAnswer) => void, reject: (error: unknown) => void) {
    this.upstream = upstream
    this.#call = call
    this.#resolve = resolve
    this.#reject = reject
    upstream.begin()
  }

  /** Whole body when it came in the same read as the headers, which is the common case for small answers. */
  get complete(): boolean {
    return this.#ended && this.#sink === undefined
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#cancelled !== undefined) {
      controller.abort(this.#cancelled)
      return
    }
    this.sent = true
    this.#call.sent = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) {
      this.#informational += 1
      if (this.#informational > maxInformational) controller.abort(new GatewayError('UPSTREAM_INVALID_RESPONSE', { sent: true }))
      return
    }
    if (headers['transfer-encoding'] !== undefined && !isChunked(headers['transfer-encoding'])) {
      controller.abort(new GatewayError('UPSTREAM_INVALID_RESPONSE', { sent: true }))
      return
    }
    this.status = status
    this.headers = headers
    this.#resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink !== undefined) {
      if (!this.#sink.write(chunk)) controller.pause()
      return
    }
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > maxWaitingBytes) controller.pause()
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: AnswerHeaders): void {
    this.#ended = true
    this.#trailers = trailers
    this.#count('ok')
    this.#sink?.end(trailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const mapped = upstreamError(this.#cancelled ?? error, this.sent)
    const blameless = clientsFault.has(mapped.code) || metClosingConnection(mapped)
    this.#count(this.#givenUp ?? (blameless ? 'neutral' : 'failed'))
    this.#failure = mapped
    if (this.status === 0) this.#reject(mapped)
    else this.#sink?.fail(mapped)
  }

  onRequestUpgrade(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders, socket: Duplex): void {
    this.status = status
    this.headers = headers
    this.socket = socket
    socket.once('close', () => this.#count('ok'))
    this.#resolve(this)
  }

  /** Sends the body to `sink`; once. */
  pipe(sink: AnswerSink): void {
    this.#sink = sink
    let flowing = true
    for (const chunk of this.#waiting) flowing = sink.write(chunk)
    this.#waiting = []
    if (this.#failure !== undefined) sink.fail(this.#failure)
    else if (this.#ended) sink.end(this.#trailers)
    else if (flowing) this.resume()
  }

  /** The body as one buffer, when {@link complete}. */
  take(): { body: Buffer | undefined; trailers: AnswerHeaders | undefined } {
    const body = this.#waiting.length <= 1 ? this.#waiting[0] : Buffer.concat(this.#waiting)
    this.#waiting = []
    return { body, trailers: this.#trailers }
  }

  resume(): void {
    if (this.#controller?.paused === true) this.#controller.resume()
  }

  /** Ends the attempt, wherever it is; before the headers, the attempt rejects with `reason`. */
  cancel(reason: Error): void {
    if (this.#ended || this.#failure !== undefined || this.#cancelled !== undefined) return
    this.#cancelled = reason
    if (this.#controller !== undefined) {
      this.#controller.abort(reason)
      return
    }
    // Still waiting for a connection: undici tells us when it would start, too late for the caller. Before it tells us,
    // it begins to read the body, which belongs to the next attempt by then.
    this.body?.destroy()
    const mapped = upstreamError(reason, false)
    // It holds its place among the waiting calls until undici lets go of it; given back now, nothing would bound their number.
    this.#givenUp = mapped.code === 'UPSTREAM_TIMEOUT' ? 'failed' : 'neutral'
    this.#reject(mapped)
  }

  /** Gives the body up. A short rest is read, so that the connection can be used again. */
  discard(): void {
    let bytes = 0
    this.pipe({
      write: (chunk) => {
        bytes += chunk.length
        if (bytes > maxWaitingBytes) this.cancel(new GatewayError('CLIENT_GONE'))
        return true
      },
      end: () => undefined,
      fail: () => undefined,
    })
  }

  #count(outcome: Outcome): void {
    if (this.#counted) return
    this.#counted = true
    this.upstream.end(outcome)
  }
}
