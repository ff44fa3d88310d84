import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/**
 * Code of the error when a connection that had served before broke off without a byte in answer to its latest request.
 * Upstreams close idle connections, and a request may be on its way just then: that says nothing about the service.
 */
export const keptConnectionLost = 'HEADGATE_KEPT_CONNECTION_LOST'

/** Bytes that a connection had received when its latest request was sent. */
const receivedBefore = new WeakMap<Socket, number>()
let watching = false

/** Takes note of the requests that undici sends from now on; nothing else tells which connection gets which request. */
export const watchSends = (): void => {
  if (watching) return
  watching = true
  subscribe('undici:client:sendHeaders', (message) => {
    const { socket } = message as { readonly socket: Socket }
    receivedBefore.set(socket, socket.bytesRead)
  })
}

/** Whether nothing has come on a connection since its latest request was sent, but had come before. */
export const lostWhileKept = (socket: Socket): boolean => {
  const before = receivedBefore.get(socket)
  return before !== undefined && before > 0 && socket.bytesRead === before
}
