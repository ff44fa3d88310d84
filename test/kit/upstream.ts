import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A request as an upstream saw it. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface TestUpstream {
  readonly port: number
  readonly url: string
  /** Requests whose heads have arrived; bodies are filled in as they end. */
  readonly seen: readonly SeenRequest[]
  /** Connections accepted so far. */
  readonly connections: () => number
  close(): Promise<void>
}

/**
 * A real HTTP server that records what it gets. Without a handler it answers 200 with a JSON echo.
 * The handler is called once the request body has been read, unless `early` is set.
 */
export async function startUpstream(
  handler: (req: IncomingMessage, res: ServerResponse, seen: SeenRequest) => void = echo,
  options: { readonly port?: number; readonly early?: boolean } = {},
): Promise<TestUpstream> {
  const seen: SeenRequest[] = []
  let connections = 0
  const server = createServer((req, res) => {
    const one = { method: req.method ?? '', url: req.url ?? '', headers: req.headers, rawHeaders: req.rawHeaders, body: '' }
    seen.push(one)
    if (options.early === true) {
      handler(req, res, one)
      return
    }
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      one.body = Buffer.concat(chunks).toString('latin1')
      handler(req, res, one)
    })
  })
  server.on('connection', () => {
    connections += 1
  })
  const port = await listening(server, options.port ?? 0)
  return { port, url: `http://127.0.0.1:${port}`, seen, connections: () => connections, close: () => closed(server) }
}

const echo = (_req: IncomingMessage, res: ServerResponse, { method, url, headers, body }: SeenRequest): void => {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ method, url, headers, body }))
}

/** A TCP server that does with each connection whatever the test wants: for answers that no HTTP server would send. */
export async function startTcpUpstream(onConnection: (socket: Socket) => void, port = 0): Promise<TestUpstream> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    onConnection(socket)
  })
  const bound = await listening(server, port)
  return {
    port: bound,
    url: `http://127.0.0.1:${bound}`,
    seen: [],
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return closed(server)
    },
  }
}

/** A loopback port on which nothing listens at the moment. */
export async function freePort(): Promise<number> {
  const server = createTcpServer()
  const port = await listening(server, 0)
  await closed(server)
  return port
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    if ('closeAllConnections' in server && typeof server.closeAllConnections === 'function') (server.closeAllConnections as () => void)()
  })
}
