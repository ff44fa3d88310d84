import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { GatewayError } from '../errors.ts'
import { problem, problemContentType } from '../observe/problem.ts'
import type { Exchange } from './exchange.ts'
import { replayBytes } from './request-body.ts'
import { responseTrailers } from './response-headers.ts'
import { streamed } from './streamed-bytes.ts'
import type { AnswerHeaders, AnswerSink, UpstreamAnswer } from './upstream-answer.ts'

// A client that is still sending gets this long, and this many bytes, to read an early answer before the connection ends.
const lingerMs = 2000
const lingerBytes = 1024 * 1024

/** Writes an answer of our own with a short body. */
export function answerShort(exchange: Exchange, status: number, headers: readonly string[], body: string): void {
  const { res } = exchange
  const bytes = Buffer.byteLength(body)
  const bodiless = status === 204 || status === 304
  const all = bodiless ? [...headers] : [...headers, 'content-length', String(bytes)]
  prepareConnection(exchange)
  res.writeHead(status, all)
  res.end(bodiless ? undefined : body)
  if (!bodiless && exchange.method !== 'HEAD') exchange.bytesOut = bytes
}

/** Answers with RFC 9457 problem+json. Nothing happens when an answer has begun already: then the connection is cut. */
export function answerProblem(exchange: Exchange, error: GatewayError, headers: readonly string[] = []): void {
  exchange.errorCode = error.code
  if (exchange.res.headersSent) {
    exchange.res.destroy()
    return
  }
  const { traceId } = exchange.trace
  const all = ['content-type', problemContentType, 'cache-control', 'no-store', 'x-trace-id', traceId, ...headers]
  if (error.retryAfterSeconds !== undefined) all.push('retry-after', String(error.retryAfterSeconds))
  answerShort(exchange, error.status, all, problem(error, traceId))
}

/** Writes an upstream's answer: at once when it is all here, else as a stream with back-pressure. */
export function answerFrom(exchange: Exchange, answer: UpstreamAnswer, headers: string[]): void {
  const { res } = exchange
  // RFC 9110, section 8.6: a length here makes clients wait for bytes that never come.
  if (answer.status === 204) dropLength(headers)
  prepareConnection(exchange)
  res.writeHead(answer.status, headers)
  if (!answer.complete) {
    // Event streams wait for their first event; their clients must not wait for the headers.
    res.flushHeaders()
    answer.pipe(new ClientSink(exchange, answer))
    return
  }
  const { body, trailers } = answer.take()
  addTrailers(res, trailers)
  res.end(body)
  if (body !== undefined) exchange.bytesOut = body.length
}

function dropLength(headers: string[]): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === 'content-length') headers.splice(i, 2)
}

class ClientSink implements AnswerSink {
  readonly #exchange: Exchange
  readonly #answer: UpstreamAnswer
  #full = false

  constructor(exchange: Exchange, answer: UpstreamAnswer) {
    this.#exchange = exchange
    this.#answer = answer
  }

  write(chunk: Buffer): boolean {
    const { res } = this.#exchange
    this.#exchange.bytesOut += chunk.length
    streamed(chunk.length)
    if (res.write(chunk)) return true
    if (!this.#full) {
      this.#full = true
      res.once('drain', this.#onDrain)
    }
    return false
  }

  end(trailers: AnswerHeaders | undefined): void {
    addTrailers(this.#exchange.res, trailers)
    this.#exchange.res.end()
  }

  /** The status line is out; only a cut connection tells the client that the body is not whole. */
  fail(error: GatewayError): void {
    this.#exchange.cutBy ??= error.code
    this.#exchange.res.destroy()
  }

  readonly #onDrain = (): void => {
    this.#full = false
    this.#answer.resume()
  }
}

function addTrailers(res: ServerResponse, trailers: AnswerHeaders | undefined): void {
  if (trailers === undefined || !res.chunkedEncoding) return
  const safe = responseTrailers(trailers)
  if (safe !== undefined) res.addTrailers(safe)
}

/**
 * An answer that comes before the body has been read ends the connection after it: what the client still sends
 * must not be taken for its next request. The end is delayed, so that the client sees the answer before a reset.
 */
function prepareConnection(exchange: Exchange): void {
  const { req, res } = exchange
  if (exchange.lifecycle.draining) res.shouldKeepAlive = false
  if (req.complete) return
  const length = req.headers['content-length']
  const chunked = req.headers['transfer-encoding'] !== undefined
  if (length === undefined && !chunked) return
  // The rest of the body is read and dropped; of a short one, so that the connection can be used again.
  res.once('finish', () => req.resume())
  if (!chunked && Number(length) <= replayBytes && req.headers.expect === undefined) return
  res.shouldKeepAlive = false
  const { socket } = req
  socket.destroySoon = () => linger(socket)
}

function linger(socket: Socket): void {
  let bytes = 0
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > lingerBytes) socket.destroy()
  })
  socket.end()
  socket.resume()
}
