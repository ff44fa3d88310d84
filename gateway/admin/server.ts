import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Address } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { AdminBackend } from './backend.ts'
import { maxBodyBytes, smallBody } from './body.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoints } from './endpoints.ts'
import { guard } from './guard.ts'
import { gatewayProblem, problemAnswer, respond } from './respond.ts'
import type { Answer } from './respond.ts'
import { route } from './routing.ts'

export type { AdminBackend } from './backend.ts'

export interface AdminServer {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: Address
  /** Stops listening; answers under way get a second to finish. Never rejects. */
  close(): Promise<void>
}

export interface AdminDeps {
  /** Told what the backend threw; the client gets a plain 500. */
  readonly onError: (error: unknown) => void
  /** Overrides for tests, in milliseconds. */
  readonly timeouts?: Partial<AdminTimeouts>
}

interface AdminTimeouts {
  readonly headersMs: number
  readonly requestMs: number
  readonly keepAliveMs: number
  /** Silence on a connection with an answer under way. */
  readonly silenceMs: number
  /** How often the first two are looked at. */
  readonly checkMs: number
  /** Grace for answers under way when the server closes. */
  readonly closeMs: number
}

// Connections are kept longer than the usual scrape interval.
const defaultTimeouts: AdminTimeouts = { headersMs: 5000, requestMs: 10_000, keepAliveMs: 65_000, silenceMs: 60_000, checkMs: 1000, closeMs: 1000 }

const maxConnections = 128
const maxHeaderBytes = 16_384

/**
 * The admin listener: probes, metrics, status, reload, dead letters, consumers, and an index of them.
 * It has no authentication of its own; the default address is the loopback one.
 * Rejects with the error of `listen` (EADDRINUSE, EACCES) when the address cannot be had.
 */
export const adminServer = async (address: Address, backend: AdminBackend, deps: AdminDeps): Promise<AdminServer> => {
  const timeouts: AdminTimeouts = { ...defaultTimeouts, ...deps.timeouts }
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.keepAliveMs,
      connectionsCheckingInterval: timeouts.checkMs,
    },
    listener(address.host, endpoints(backend), deps.onError),
  )
  server.maxConnections = maxConnections
  server.setTimeout(timeouts.silenceMs)
  await listen(server, address)
  return {
    // A TCP server that listens has an address of this kind.
    address: { host: address.host, port: (server.address() as AddressInfo).port },
    close: () => close(server, timeouts.closeMs),
  }
}

const listen = (server: Server, { host, port }: Address): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })

const close = (server: Server, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
  })

const listener = (boundHost: string, offered: readonly Endpoint[], onError: AdminDeps['onError']): RequestListener => {
  const refuse = guard(boundHost)
  const answerTo = async (request: IncomingMessage, response: ServerResponse): Promise<Answer> => {
    const refusal = refuse(request)
    if (refusal !== undefined) return { ...refusal, headers: { connection: 'close' } }
    const body = await smallBody(request)
    if (body === undefined) return problemAnswer(413, `Bodies here may have at most ${maxBodyBytes} bytes.`, {}, { connection: 'close' })
    const [path = '', ...query] = (request.url ?? '').split('?')
    const found = route(offered, request.method ?? '', path)
    if ('status' in found) return found
    const { endpoint, parameters } = found
    if (endpoint.long === true) response.setTimeout(0)
    return endpoint.answer({ parameters, query: new URLSearchParams(query.join('?')), body, gone: goneSignal(response) })
  }
  return (request, response) => {
    const failed = (error: unknown): void => {
      if (error instanceof GatewayError) return respond(response, gatewayProblem(error))
      // A client that breaks off is not an error of ours.
      if (!request.destroyed || request.complete) onError(error)
      respond(response, problemAnswer(500, 'The gateway failed to answer; its log says why.'))
    }
    answerTo(request, response)
      .then((answer) => respond(response, answer))
      .catch(failed)
  }
}

/** Also aborted once the answer is written, when nobody listens any more. */
const goneSignal = (response: ServerResponse): AbortSignal => {
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}
