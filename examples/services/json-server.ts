import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chaos, modeNames } from './chaos.ts'
import type { Chaos } from './chaos.ts'

export interface Reply {
  readonly status: number
  readonly body: unknown
}

/** Answers one API call; undefined where nothing lives at this method and path. */
export type Api = (method: string, path: string, body: unknown, headers: IncomingHttpHeaders) => Reply | undefined

export interface JsonServer {
  readonly name: string
  readonly port: number
  close(): Promise<void>
}

const maxBodyBytes = 64 * 1024

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > maxBodyBytes) throw new Error('body too large')
  }
  return text === '' ? undefined : JSON.parse(text)
}

const send = (response: ServerResponse, name: string, reply: Reply): void => {
  response.writeHead(reply.status, { 'content-type': 'application/json', 'x-served-by': name })
  response.end(`${JSON.stringify(reply.body)}\n`)
}

const switchChaos = (state: Chaos, body: unknown): Reply => {
  const wanted = typeof body === 'object' && body !== null && 'mode' in body ? body.mode : undefined
  const mode = state.set(wanted)
  return mode === undefined ? { status: 400, body: { error: `mode is one of ${modeNames}` } } : { status: 200, body: { mode } }
}

const answer = async (name: string, api: Api, state: Chaos, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const method = request.method ?? 'GET'
  const [path = '/'] = (request.url ?? '/').split('?')
  // Health and the switch itself never misbehave, so that a demonstration can always be ended.
  if (path === '/health') return send(response, name, { status: 200, body: { status: 'ok', service: name, mode: state.mode } })
  const body = await readJson(request)
  if (path === '/chaos' && method === 'POST') return send(response, name, switchChaos(state, body))
  const verdict = await state.next()
  if (verdict === 'reset') return void request.socket.destroy()
  if (verdict === 'fail') return send(response, name, { status: 503, body: { error: 'failing on request' } })
  send(response, name, api(method, path, body, request.headers) ?? { status: 404, body: { error: `nothing at ${method} ${path}` } })
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      resolve((server.address() as AddressInfo).port)
    })
  })

/**
 * A small real HTTP service: its API, `GET /health` and `POST /chaos {"mode": ...}`.
 * @param port 0 picks a free one.
 * @throws The listen error (`EADDRINUSE`) when the port cannot be had.
 */
export const jsonServer = async (name: string, api: Api, port: number, host = '127.0.0.1'): Promise<JsonServer> => {
  const state = chaos()
  const server = createServer((request, response) => {
    answer(name, api, state, request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else send(response, name, { status: 400, body: { error: 'the body is not JSON' } })
    })
  })
  const bound = await listen(server, port, host)
  return {
    name,
    port: bound,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
