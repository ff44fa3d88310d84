import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { chaos, modeNames } from './chaos.ts'
import { keyBook } from './key-book.ts'
import type { FaultPlan, ProviderFault } from './provider-faults.ts'

export interface ProviderCall {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface ProviderReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; undefined sends nothing. */
  readonly body?: unknown
}

/** What makes one provider differ from another. */
export interface ProviderRules {
  /** Header in lower case that carries the idempotency key. */
  readonly keyHeader: string
  /** What calls of one key have in common beside the key: other parameters are a conflict. */
  digest(call: ProviderCall): string
  /** Answers calls that never misbehave and are not recorded, such as those for tokens. */
  steady?(call: ProviderCall): ProviderReply | undefined
  /** Refuses calls that are not allowed or make no sense, before their key is looked at. */
  refused(call: ProviderCall): ProviderReply | undefined
  /** Does it. `stored`: a repetition with the key gets this answer. */
  execute(call: ProviderCall): { readonly reply: ProviderReply; readonly stored: boolean }
  /** What a repetition gets. */
  replayed(reply: ProviderReply): ProviderReply
  trouble(what: 'busy' | 'other_parameters' | 'rate_limited' | 'unavailable' | 'error'): ProviderReply
  /** Whether a 500 in the midst of the work is the answer for good. */
  readonly storesErrors: boolean
  /** What stands behind `GET /payments`. */
  listing(): unknown
}

/** A call that has come, with what happened to it. */
export interface SeenCall extends ProviderCall {
  readonly fault: ProviderFault | undefined
}

export interface ProviderServer {
  readonly port: number
  readonly url: string
  /** Oldest first; the last 100,000. */
  readonly requests: readonly SeenCall[]
  /** Closes the listener and cuts all connections. */
  down(): Promise<void>
  /** Listens on the same port again; what was done before is still known. */
  up(): Promise<void>
  close(): Promise<void>
}

export interface ServerOptions {
  readonly name: string
  readonly port?: number
  readonly host?: string
  readonly faults: FaultPlan
  /** How long `slow` takes. */
  readonly slowMs: number
}

const maxSeen = 100_000
const maxBodyBytes = 256 * 1024

const textOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > maxBodyBytes) throw new Error('body too large')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}

const send = (response: ServerResponse, { status, headers, body }: ProviderReply): void => {
  if (response.destroyed) return
  response.writeHead(status, { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers })
  response.end(body === undefined ? undefined : `${JSON.stringify(body)}\n`)
}

/**
 * A real HTTP server that plays a payment provider: it remembers what it did by idempotency key, and misbehaves as planned. Beside the
 * provider's own calls it answers `GET /health`, `GET /payments` and `POST /chaos {"mode": ...}`, which never misbehave.
 */
export const providerServer = async (rules: ProviderRules, options: ServerOptions): Promise<ProviderServer> => {
  const keys = keyBook<ProviderReply>()
  const mode = chaos()
  const requests: SeenCall[] = []
  const waiting = new Set<NodeJS.Timeout>()

  const slowly = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(timer)
        resolve()
      }, options.slowMs)
      waiting.add(timer)
    })

  /** What the call gets when the network lets it pass. */
  const worked = async (call: ProviderCall, fault: ProviderFault | undefined): Promise<ProviderReply> => {
    const refused = rules.refused(call)
    if (refused !== undefined) return refused
    const name = call.headers[rules.keyHeader]
    const key = call.method === 'POST' && typeof name === 'string' ? name : undefined
    const claim = key === undefined ? 'free' : keys.claim(key, rules.digest(call))
    if (claim === 'busy' || claim === 'other_parameters') return rules.trouble(claim)
    if (claim !== 'free') return rules.replayed(claim)
    if (fault === 'slow') await slowly()
    const { reply, stored } = fault === 'error_before' ? { reply: rules.trouble('error'), stored: rules.storesErrors } : rules.execute(call)
    const failed = fault === 'error_after' && reply.status < 500
    if (key !== undefined) {
      if (failed ? rules.storesErrors : stored) keys.keep(key, failed ? rules.trouble('error') : reply)
      // Where errors are not remembered, the effect is: the repetition finds what was done.
      else if (failed && stored) keys.keep(key, reply)
      else keys.free(key)
    }
    return failed ? rules.trouble('error') : reply
  }

  const answer = async (call: ProviderCall, response: ServerResponse, socket: Socket): Promise<void> => {
    const fault = options.faults.next()
    requests.push({ ...call, fault })
    if (requests.length > maxSeen) requests.shift()
    if (fault === 'frozen') return
    if (fault === 'lost_request') return void socket.destroy()
    if (fault === 'rate_limited' || fault === 'unavailable') return send(response, rules.trouble(fault))
    if (fault === 'conflict') return send(response, rules.trouble('busy'))
    if (fault === 'error_early') return send(response, rules.trouble('error'))
    const reply = await worked(call, fault)
    if (fault === 'lost_answer') return void socket.destroy()
    if (fault === 'malformed') return void response.writeHead(reply.status, { 'content-type': 'application/json' }).end('{"id": "half')
    send(response, fault === 'wrong_shape' ? { status: reply.status, body: { object: 'surprise', amount: 'much' } } : reply)
  }

  const own = async (call: ProviderCall): Promise<ProviderReply | undefined> => {
    if (call.path === '/health') return { status: 200, body: { status: 'ok', service: options.name, mode: mode.mode } }
    if (call.path === '/payments' && call.method === 'GET') return { status: 200, body: rules.listing() }
    if (call.path !== '/chaos' || call.method !== 'POST') return undefined
    const wanted: unknown = JSON.parse(call.body)
    const set = mode.set(typeof wanted === 'object' && wanted !== null && 'mode' in wanted ? wanted.mode : undefined)
    return set === undefined ? { status: 400, body: { error: `mode is one of ${modeNames}` } } : { status: 200, body: { mode: set } }
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider')
    const body = await textOf(request)
    const call = { method: request.method ?? 'GET', path: pathname, query: searchParams, headers: request.headers, body }
    const reply = (await own(call)) ?? rules.steady?.(call)
    if (reply !== undefined) return send(response, reply)
    const verdict = await mode.next()
    if (verdict === 'reset') return void request.socket.destroy()
    if (verdict === 'fail') return send(response, rules.trouble('unavailable'))
    await answer(call, response, request.socket)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy())
  })
  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, options.host ?? '127.0.0.1', () => {
        server.off('error', reject)
        resolve((server.address() as AddressInfo).port)
      })
    })
  const port = await listen(options.port ?? 0)
  const down = async (): Promise<void> => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
  return {
    port,
    url: `http://${options.host ?? '127.0.0.1'}:${port}`,
    requests,
    down,
    up: async () => {
      if (!server.listening) await listen(port)
    },
    close: async () => {
      for (const timer of waiting) clearTimeout(timer)
      await down()
    },
  }
}
