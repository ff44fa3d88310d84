import type { Socket } from 'node:net'
import { GatewayError } from '../errors.ts'

export interface SlowClients {
  /** Watches a connection until it closes. */
  watch(socket: Socket): void
  /** Cuts the connections that have taken nothing of what waits for them for `sendTimeoutMs`; call it about once a second. */
  cut(sendTimeoutMs: number): void
}

interface Stall {
  readonly waitingBytes: number
  readonly sinceMs: number
}

/**
 * Answers that nobody takes hold memory and places. A look at all connections once a second finds them, whatever
 * they wait for: a stream, the end of an answer, answers to pipelined requests, an upgraded connection.
 * @param now Milliseconds on a monotonic clock.
 */
export function slowClients(now: () => number): SlowClients {
  const stalls = new Map<Socket, Stall | undefined>()

  const look = (socket: Socket, sendTimeoutMs: number): Stall | undefined => {
    const waitingBytes = socket.writableLength
    if (waitingBytes === 0) return undefined
    const stall = stalls.get(socket)
    if (stall?.waitingBytes !== waitingBytes) return { waitingBytes, sinceMs: now() }
    // The error tells the request that runs here who is to blame.
    if (now() - stall.sinceMs >= sendTimeoutMs) socket.destroy(new GatewayError('CLIENT_TIMEOUT'))
    return stall
  }

  return {
    watch: (socket) => {
      stalls.set(socket, undefined)
      socket.once('close', () => stalls.delete(socket))
    },
    cut: (sendTimeoutMs) => {
      for (const socket of stalls.keys()) stalls.set(socket, look(socket, sendTimeoutMs))
    },
  }
}
