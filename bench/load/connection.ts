import { connect, type Socket } from 'node:net'
import { parseResponse } from './response.ts'

/** What every answer must be to count. */
export interface Expected {
  readonly status: number
  readonly bodyBytes: number
}

/** Why an answer did not count. */
export type Failure = 'status' | 'length' | 'closed' | 'refused'

export interface ConnectionEvents {
  /** A request ended; `failure` is undefined for an answer that was checked and is right. */
  done(connection: Connection, startedAtMs: number, failure: Failure | undefined): void
}

/** One keep-alive connection with at most one request in flight, which reconnects when the server ends it. */
export class Connection {
  readonly #port: number
  readonly #expected: Expected
  readonly #events: ConnectionEvents
  #socket: Socket | undefined
  #received: Buffer | undefined
  #startedAtMs: number | undefined
  #ended = false

  constructor(port: number, expected: Expected, events: ConnectionEvents) {
    this.#port = port
    this.#expected = expected
    this.#events = events
  }

  /** @param startedAtMs The moment from which the latency counts, on the clock of `performance.now()`. */
  send(request: Buffer, startedAtMs: number): void {
    this.#startedAtMs = startedAtMs
    this.#socket ??= this.#open()
    this.#socket.write(request)
  }

  end(): void {
    this.#ended = true
    this.#socket?.destroy()
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    let connected = false
    socket.on('connect', () => {
      connected = true
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    // What went wrong shows in `close`, which always follows.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket === socket) this.#closed(connected ? 'closed' : 'refused')
    })
    return socket
  }

  #closed(failure: Failure): void {
    this.#socket = undefined
    this.#received = undefined
    this.#finish(failure)
  }

  #read(chunk: Buffer): void {
    const buffer = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    const response = parseResponse(buffer)
    this.#received = response === undefined ? buffer : undefined
    if (response === undefined) return
    if (response.close) this.#reconnect()
    if (response.status !== this.#expected.status) this.#finish('status')
    else if (response.bodyBytes !== this.#expected.bodyBytes || response.totalBytes !== buffer.length) this.#finish('length')
    else this.#finish(undefined)
  }

  #reconnect(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #finish(failure: Failure | undefined): void {
    const startedAtMs = this.#startedAtMs
    if (startedAtMs === undefined || this.#ended) return
    this.#startedAtMs = undefined
    this.#events.done(this, startedAtMs, failure)
  }
}
