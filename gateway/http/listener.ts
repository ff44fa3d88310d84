import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { ServerResponse as Response } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Address, LimitsConfig } from '../../config/model.ts'
import type { ShedReason } from '../observe/metrics.ts'
import { answerOnSocket, protocolErrorCode } from './protocol-error.ts'
import { slowClients } from './slow-clients.ts'
import type { UpgradeRequest } from './tunnel.ts'

export interface ListenerEvents {
  request(req: IncomingMessage, res: ServerResponse, upgrade: UpgradeRequest | undefined): void
  connection(delta: 1 | -1): void
  shed(reason: ShedReason): void
  traceId(): string
}

export interface HttpListener {
  readonly host: string
  readonly port: number
  /** Applies limits that can change while connections are open; the rest holds for new connections. */
  configure(limits: LimitsConfig): void
  /** Stops accepting. Connections without a request are closed at once, the others after their answer. */
  stop(): Promise<void>
  /** Cuts what is still open. */
  destroy(): void
}

// Limits of time are checked this often; the default of Node, 30 s, would let slow clients hold connections for long.
const checkIntervalMs = 1000

const sweepIntervalMs = 50

/**
 * One HTTP/1.1 listener over node:http, with every limit set on purpose.
 * @throws The error of `listen` (EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOTFOUND).
 */
export async function httpListener(address: Address, limits: LimitsConfig, reusePort: boolean, events: ListenerEvents): Promise<HttpListener> {
  const responses = new WeakMap<Socket, ServerResponse>()
  /** The last answer of a connection, while it is still owed. */
  const owed = (socket: Socket): ServerResponse | undefined => {
    const last = responses.get(socket)
    return last === undefined || last.writableFinished ? undefined : last
  }
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: checkIntervalMs,
    insecureHTTPParser: false,
    requireHostHeader: false, // checked at the edge, where the answer is a problem document
    noDelay: true,
    keepAlive: true,
    // Behind another request there is no connection to hand over yet; a server may ignore the wish (RFC 9110, section 7.8).
    shouldUpgradeCallback: (req) => isWebSocket(req) && owed(req.socket) === undefined,
  })
  const slow = slowClients(() => performance.now())
  let sendTimeoutMs = limits.sendTimeoutMs
  const slowCheck = setInterval(() => slow.cut(sendTimeoutMs), checkIntervalMs)
  slowCheck.unref()
  server.once('close', () => clearInterval(slowCheck))
  // Counted at the edge; this limit of Node would drop the surplus in silence.
  server.maxHeadersCount = 0

  const take = (req: IncomingMessage, res: ServerResponse): void => {
    // Who has been told that the connection ends sends the next request elsewhere; serving this one too would act twice.
    if (responses.get(req.socket)?.shouldKeepAlive === false) return
    responses.set(req.socket, res)
    // A wish that was declined; what came behind it was meant for another protocol.
    if (isWebSocket(req)) res.shouldKeepAlive = false
    events.request(req, res, undefined)
  }
  server.on('request', take)
  server.on('checkContinue', take)
  server.on('checkExpectation', take)
  server.on('connection', (socket: Socket) => {
    events.connection(1)
    socket.once('close', () => events.connection(-1))
    slow.watch(socket)
  })
  server.on('drop', () => events.shed('connections'))
  // Node forgets connections that were upgraded; they have to end with the others.
  const upgraded = new Set<Socket>()
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    const pending = owed(socket)
    if (pending === undefined) upgrade(req, socket, head, events)
    else closeAfter(pending, socket)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const code = protocolErrorCode(error)
    const pending = owed(socket)
    if (code === undefined || !socket.writable) socket.destroy()
    else if (pending === undefined) answerOnSocket(socket, code, events.traceId())
    // What cannot be read came behind whole requests, and those get their answers: an error would be taken for one of them.
    else if (pending.req.complete) closeAfter(pending, socket)
    else if (pending.headersSent || pending.socket !== socket) socket.destroy()
    else answerOnSocket(socket, code, events.traceId())
  })
  // Without a listener Node would close the connection without a word.
  server.on('connect', (_req: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    const pending = owed(socket)
    if (pending === undefined) answerOnSocket(socket, 'METHOD_NOT_IMPLEMENTED', events.traceId())
    else closeAfter(pending, socket)
  })

  const configure = (next: LimitsConfig): void => {
    // Node swaps the two where the time for the headers is the longer one.
    server.headersTimeout = Math.min(next.headerTimeoutMs, next.requestTimeoutMs)
    server.requestTimeout = next.requestTimeoutMs === Infinity ? 0 : next.requestTimeoutMs
    server.keepAliveTimeout = next.keepAliveTimeoutMs
    server.maxConnections = next.maxConnections
    sendTimeoutMs = next.sendTimeoutMs
  }
  configure(limits)
  await listening(server, address, reusePort)
  server.on('error', () => undefined)
  const bound = server.address() as AddressInfo

  return {
    host: address.host,
    port: bound.port,
    configure,
    stop: () =>
      new Promise((resolve) => {
        // Connections become idle one after the other, as their last answers end.
        const sweep = setInterval(() => server.closeIdleConnections(), sweepIntervalMs)
        server.close(() => {
          clearInterval(sweep)
          resolve()
        })
        server.closeIdleConnections()
      }),
    destroy: () => {
      server.closeAllConnections()
      for (const socket of upgraded) socket.destroy()
    },
  }
}

/** Told once per piece of what cannot be read, and has to act once. */
function closeAfter(res: ServerResponse, socket: Socket): void {
  if (!res.shouldKeepAlive) return
  res.shouldKeepAlive = false
  res.once('finish', () => socket.destroySoon())
}

const isWebSocket = (req: IncomingMessage): boolean => req.method === 'GET' && req.headers.upgrade?.toLowerCase() === 'websocket'

function upgrade(req: IncomingMessage, socket: Socket, head: Buffer, events: ListenerEvents): void {
  socket.on('error', () => socket.destroy())
  // Where Node has no callback to decline other protocols (h2c, above all), they end here.
  if (!isWebSocket(req)) {
    answerOnSocket(socket, 'BAD_REQUEST', events.traceId())
    return
  }
  const res = new Response(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  res.once('finish', () => socket.end())
  events.request(req, res, { socket, head, take: watch(socket) })
}

/** Nobody reads the connection until there is an answer; without a look at it a client that leaves would not be noticed. */
function watch(socket: Socket): () => void {
  const look = (): void => {
    if (socket.readableLength === 0) socket.read()
  }
  const gone = (): void => void socket.destroy()
  socket.on('readable', look)
  socket.once('end', gone)
  return () => {
    socket.off('readable', look)
    socket.off('end', gone)
  }
}

function listening(server: Server, address: Address, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address.host, port: address.port, reusePort, exclusive: reusePort, backlog: 1024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
