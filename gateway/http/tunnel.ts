import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'
import { responseHeaders } from './response-headers.ts'
import type { AnswerHeaders } from './upstream-answer.ts'

/** The client's side of a connection that asks to be upgraded. */
export interface UpgradeRequest {
  readonly socket: Socket
  /** What the client sent behind its request head. */
  readonly head: Buffer
  /** Ends the watch over the socket, which closes it when the client goes away before there is an answer. */
  take(): void
}

// A side whose other side has gone gets this long to close its connection, once all was written to it.
const lingerMs = 2000

/**
 * Joins two connections after `101 Switching Protocols`, both ways and with back-pressure, until both sides have
 * closed, one has broken off, or nothing has passed for `idleTimeoutMs`.
 * @param onEnd Called with the bytes sent to the client before any other listener hears that its connection is closed.
 */
export function tunnel(
  client: UpgradeRequest,
  res: ServerResponse,
  upstream: Duplex,
  headers: AnswerHeaders,
  idleTimeoutMs: number,
  onEnd: (bytes: number) => void,
): void {
  const { socket, head } = client
  client.take()
  res.detachSocket(socket)
  socket.write(switchingProtocols(headers), 'latin1')
  const before = socket.bytesWritten
  socket.prependOnceListener('close', () => onEnd(socket.bytesWritten - before))
  if (head.length > 0) upstream.write(head)
  for (const side of [socket, upstream]) {
    if (side instanceof Socket) side.setTimeout(idleTimeoutMs === Infinity ? 0 : idleTimeoutMs, () => side.destroy())
    side.on('error', () => side.destroy())
  }
  socket.pipe(upstream)
  upstream.pipe(socket)
  endTogether(socket, upstream)
  endTogether(upstream, socket)
}

/** What `side` has sent before it ended still reaches `other`; after a broken connection there is nothing to complete. */
function endTogether(side: Duplex, other: Duplex): void {
  side.once('close', () => {
    if (other.destroyed) return
    if (!side.readableEnded) {
      other.destroy()
      return
    }
    let timer: NodeJS.Timeout | undefined
    const linger = (): void => {
      timer = setTimeout(() => other.destroy(), lingerMs)
    }
    other.once('close', () => clearTimeout(timer))
    other.resume()
    if (other.writableFinished) linger()
    else other.once('finish', linger)
  })
}

function switchingProtocols(headers: AnswerHeaders): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', `upgrade: ${String(headers['upgrade'] ?? 'websocket')}`]
  const passed = responseHeaders(headers)
  for (let i = 0; i < passed.length; i += 2) lines.push(`${passed[i]}: ${passed[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
