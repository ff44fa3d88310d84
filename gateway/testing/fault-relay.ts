import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as the stand-in of the provider got it. */
export interface RelayedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What becomes of one request. */
export type RelayFault =
  | {
      readonly type: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body: string
      readonly lasting?: boolean
    }
  /** The stand-in does it; the answer never comes. */
  | { readonly type: 'lose_answer' }
  /** Nothing ever happens. */
  | { readonly type: 'hang'; onRequest(): void }

export interface FaultRelay {
  readonly url: string
  /** Since `forget` was called. */
  readonly seen: readonly RelayedRequest[]
  forget(): void
  /** For the next request of these methods, of any where it is undefined; for all from now on until `forget` where it is lasting. */
  inject(fault: RelayFault, methods?: readonly string[]): void
  connections(): Promise<number>
  close(): Promise<void>
}

/** Stands between an adapter and the stand-in of its provider: passes on what comes, sees it, and fails on demand as networks and providers do. */
export const faultRelay = async (target: string): Promise<FaultRelay> => {
  let seen: RelayedRequest[] = []
  let pending: { readonly fault: RelayFault; readonly methods: readonly string[] | undefined } | undefined

  const server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('error', () => res.destroy())
    req.on('end', () => {
      const body = Buffer.concat(chunks)
      seen.push({ method: req.method ?? '', url: req.url ?? '', headers: plain(req), body: body.toString('utf8') })
      const fault = pending?.methods?.includes(req.method ?? '') === false ? undefined : pending?.fault
      if (fault !== undefined && !('lasting' in fault && fault.lasting)) pending = undefined
      handle(req, res, body, fault)
    })
  })

  const handle = (req: IncomingMessage, res: ServerResponse, body: Buffer, fault: RelayFault | undefined): void => {
    if (fault?.type === 'answer') res.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body)
    else if (fault?.type === 'hang') fault.onRequest()
    else passOn(target, req, body, (answer) => (fault === undefined ? copied(answer, res) : lost(answer, res)))
  }
  const passOn = (to: string, req: IncomingMessage, body: Buffer, then: (answer: IncomingMessage) => void): void => {
    // `Host` stays: signatures may cover it.
    const { connection: _connection, ...headers } = req.headers
    const url = new URL(to)
    const passed = request({ host: url.hostname, port: url.port, method: req.method, path: req.url, headers, agent: false }, then)
    passed.on('error', () => req.socket.destroy())
    passed.end(body)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get seen() {
      return seen
    },
    forget: () => {
      seen = []
      pending = undefined
    },
    inject: (fault, methods) => {
      pending = { fault, methods }
    },
    connections: () => new Promise((resolve) => server.getConnections((error, count) => resolve(error === null ? count : 0))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const copied = (answer: IncomingMessage, res: ServerResponse): void => {
  const { connection: _connection, 'transfer-encoding': _encoding, ...headers } = answer.headers
  res.writeHead(answer.statusCode ?? 502, headers)
  answer.pipe(res)
  answer.on('error', () => res.destroy())
}

const lost = (answer: IncomingMessage, res: ServerResponse): void => {
  answer.resume()
  answer.on('end', () => res.destroy())
}

const plain = (req: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(req.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]))
