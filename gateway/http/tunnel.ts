import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { responseHeaders } from './response-headers.ts'
import type { AnswerHeaders } from './upstream-answer.ts'

/** The client's side of a connection that asks to be upgraded. */
export interface UpgradeRequest {
  readonly socket: Socket
  /** What the client sent behind its request head. */
  readonly head: Buffer
}

/**
 * Joins two connections after `101 Switching Protocols`, both ways and with back-pressure, until one side ends
 * or nothing has passed for `idleTimeoutMs`.
 * @returns Resolves with the bytes sent to the client when both sides are closed. Never rejects.
 */
export function tunnel(client: UpgradeRequest, res: ServerResponse, upstream: Duplex, headers: AnswerHeaders, idleTimeoutMs: number): Promise<number> {
  const { socket, head } = client
  res.detachSocket(socket)
  socket.write(switchingProtocols(headers), 'latin1')
  if (head.length > 0) upstream.write(head)
  const before = socket.bytesWritten
  socket.setTimeout(idleTimeoutMs === Infinity ? 0 : idleTimeoutMs, () => socket.destroy())
  socket.pipe(upstream)
  upstream.pipe(socket)
  return new Promise((resolve) => {
    const end = (): void => {
      socket.destroy()
      upstream.destroy()
      resolve(socket.bytesWritten - before)
    }
    for (const side of [socket, upstream]) {
      side.on('error', end)
      side.on('close', end)
    }
  })
}

function switchingProtocols(headers: AnswerHeaders): string {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'connection: Upgrade', `upgrade: ${String(headers['upgrade'] ?? 'websocket')}`]
  const passed = responseHeaders(headers)
  for (let i = 0; i < passed.length; i += 2) lines.push(`${passed[i]}: ${passed[i + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}
