import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { GatewayError } from '../errors.ts'
import { streamed } from './streamed-bytes.ts'

/** Bodies up to this many bytes are read before the first attempt where a route may have to send them twice. */
export const replayBytes = 64 * 1024

/**
 * The body of a request, for one or more attempts. It is streamed with back-pressure and read by the first
 * attempt that really sends; until then every attempt can have it. A body that was read ahead can be had any number of times.
 */
export class RequestBody {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #maxBytes: number
  readonly #onProgress: () => void
  #continue: boolean
  #buffered: Buffer | undefined
  #started = false

  /**
   * @param expectsContinue Whether the client waits for `100 Continue` before it sends the body.
   * @param onProgress Called for every piece that is passed on.
   */
  constructor(req: IncomingMessage, res: ServerResponse, maxBytes: number, expectsContinue: boolean, onProgress: () => void) {
    this.#req = req
    this.#res = res
    this.#maxBytes = maxBytes
    this.#continue = expectsContinue
    this.#onProgress = onProgress
  }

  /** Whether another attempt can still send the whole body. */
  get replayable(): boolean {
    return this.#buffered !== undefined || !this.#started
  }

  /** Whether the running attempt waits for the client to send more. */
  get starved(): boolean {
    return this.#started && this.#buffered === undefined && !this.#req.complete && !this.#req.isPaused()
  }

  /** The body as read ahead; undefined when it is streamed. */
  get buffered(): Buffer | undefined {
    return this.#buffered
  }

  /**
   * Reads the whole body into memory; for bodies whose declared length is small, and those of messages.
   * @throws {GatewayError} BODY_TOO_LARGE, CLIENT_GONE
   */
  readAhead(): Promise<void> {
    const req = this.#req
    return new Promise((resolve, reject) => {
      // Listeners instead of a stream in between, which would cost more than all the rest of a small request's way in.
      const chunks: Buffer[] = []
      let bytes = 0
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length
        streamed(chunk.length)
        this.#onProgress()
        if (bytes > this.#maxBytes) fail(new GatewayError('BODY_TOO_LARGE'))
        else chunks.push(chunk)
      }
      const onEnd = (): void => {
        leave()
        this.#buffered = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
        resolve()
      }
      const onClose = (): void => fail(new GatewayError('CLIENT_GONE'))
      const leave = (): void => {
        req.off('data', onData)
        req.off('end', onEnd)
        req.off('close', onClose)
      }
      const fail = (error: GatewayError): void => {
        leave()
        req.pause()
        reject(error)
      }
      this.#start()
      req.on('data', onData)
      req.on('end', onEnd)
      req.on('close', onClose)
      if (req.destroyed) onClose()
    })
  }

  /** The body for one attempt. A stream that nobody reads leaves the request untouched. */
  open(): Readable | Buffer {
    return this.#buffered ?? new ClientBody(this.#req, this.#maxBytes, () => this.#start(), this.#onProgress)
  }

  #start(): void {
    this.#started = true
    if (this.#continue && !this.#res.headersSent) this.#res.writeContinue()
    this.#continue = false
  }
}

/** Reads a request without owning it: when the upstream destroys this stream, the client's connection stays as it is. */
class ClientBody extends Readable {
  readonly #req: IncomingMessage
  readonly #maxBytes: number
  readonly #onStart: () => void
  readonly #onProgress: () => void
  #started = false
  #bytes = 0

  constructor(req: IncomingMessage, maxBytes: number, onStart: () => void, onProgress: () => void) {
    super({ highWaterMark: 64 * 1024 })
    this.#req = req
    this.#maxBytes = maxBytes
    this.#onStart = onStart
    this.#onProgress = onProgress
    // The upstream call hears of errors while it runs; one that comes after it has ended is nobody's.
    this.on('error', () => undefined)
  }

  override _read(): void {
    if (this.#started) {
      this.#req.resume()
      return
    }
    this.#started = true
    this.#onStart()
    this.#req.on('data', this.#onData)
    this.#req.on('end', this.#onEnd)
    this.#req.on('close', this.#onClose)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#req.off('data', this.#onData)
    this.#req.off('end', this.#onEnd)
    this.#req.off('close', this.#onClose)
    if (this.#started && !this.#req.readableEnded) this.#req.pause()
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    streamed(chunk.length)
    this.#onProgress()
    if (this.#bytes > this.#maxBytes) this.destroy(new GatewayError('BODY_TOO_LARGE'))
    else if (!this.push(chunk)) this.#req.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }

  readonly #onClose = (): void => {
    if (!this.#req.readableEnded) this.destroy(new GatewayError('CLIENT_GONE'))
  }
}
