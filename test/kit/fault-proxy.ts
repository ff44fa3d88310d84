import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'

/** A TCP proxy on the loopback interface that can fail as networks do. */
export interface FaultProxy {
  readonly port: number
  /** Connections that stand. */
  readonly connections: number
  /** Ends every connection with a FIN, or refuses new ones too until `mend`. */
  cut(options?: { readonly refuse: boolean }): void
  /** Ends every connection with a RST. */
  reset(): void
  /** Nothing passes in either direction, and nobody is told: a cable that was pulled. New connections are taken and hang as well. */
  freeze(): void
  /** What was held passes from now on, new connections are taken. */
  mend(): void
  /** Milliseconds that every piece of data takes in each direction. */
  delay(ms: number): void
  close(): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export async function startFaultProxy(target: { readonly host?: string; readonly port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>()
  let frozen = false
  let refusing = false
  let delayMs = 0

  const forward = (from: Socket, to: Socket): void => {
    from.on('data', (piece: Buffer) => {
      const pass = (): void => {
        if (to.destroyed) return
        if (!to.write(piece)) from.pause()
      }
      if (delayMs === 0) pass()
      else setTimeout(pass, delayMs)
    })
    to.on('drain', () => {
      if (!frozen) from.resume()
    })
  }
  const server = createServer({ allowHalfOpen: false, noDelay: true }, (client) => {
    if (refusing) {
      client.destroy()
      return
    }
    const pair = { client, server: connect({ host: target.host ?? '127.0.0.1', port: target.port, noDelay: true }) }
    pairs.add(pair)
    for (const [one, other] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      forward(one, other)
      one.on('error', () => undefined)
      one.on('close', () => {
        if (other.destroyed) pairs.delete(pair)
        // A frozen link does not tell that the other side has gone; `mend` does.
        else if (!frozen) other.destroy()
      })
      if (frozen) one.pause()
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')

  const all = (act: (socket: Socket) => void): void => {
    for (const pair of pairs) for (const socket of [pair.client, pair.server]) act(socket)
  }
  return {
    port: address.port,
    get connections() {
      return pairs.size
    },
    cut: (options) => {
      refusing = options?.refuse ?? false
      all((socket) => void socket.destroy())
    },
    reset: () => all((socket) => void socket.resetAndDestroy()),
    freeze: () => {
      frozen = true
      all((socket) => void socket.pause())
    },
    mend: () => {
      frozen = false
      refusing = false
      const isHalf = ({ client, server: upstream }: Pair): boolean => client.destroyed || upstream.destroyed
      const halves = [...pairs].filter(isHalf)
      all((socket) => void socket.resume())
      for (const { client, server: upstream } of halves) for (const socket of [client, upstream]) socket.destroy()
    },
    delay: (ms) => {
      delayMs = ms
    },
    close: async () => {
      frozen = false
      all((socket) => void socket.destroy())
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
