import type { EventEmitter } from 'node:events'
import { isIP } from 'node:net'
import type { SecureContext } from 'node:tls'
import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { keptConnectionLost, lostWhileKept, watchSends } from './kept-connection.ts'

/** Longer header blocks of an answer are an error of the upstream. */
const maxHeaderBytes = 64 * 1024
/** Idle connections are closed before Node's own servers (5 s) do it, so that few calls meet a closing socket. */
const keepAliveTimeoutMs = 4_000
const keepAliveMaxTimeoutMs = 60_000

export interface PoolOptions {
  readonly origin: string
  readonly maxConnections: number
  /** `Infinity` for no limit of its own. */
  readonly connectTimeoutMs: number
  readonly tls: TlsOptions
  /** An exception that escaped from the handler of a call; undici hands it out as an event. */
  onError(error: Error): void
}

export interface TlsOptions {
  /** Made once per service: reading certificates for every connection would cost far more than the connection. */
  readonly secureContext: () => SecureContext
  readonly verify: boolean
  /** Name sent as SNI and expected in the certificate. */
  readonly serverName: string
}

/** Connection pool of one address: HTTP/1.1, one call at a time per connection, no time limits except that of connecting. */
export const upstreamPool = (options: PoolOptions): Pool => {
  watchSends()
  const settings: Pool.Options = {
    connect: connector(options),
    connections: options.maxConnections,
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    keepAliveMaxTimeout: keepAliveMaxTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    factory: (origin, clientOptions) => {
      const client = new Client(origin, clientOptions)
      listenForErrors(client, options.onError)
      return client
    },
  }
  const pool = options.origin.startsWith('https:')
    ? new TlsPool(options.origin, settings, options.tls.serverName)
    : new Pool(options.origin, settings)
  listenForErrors(pool, options.onError)
  return pool
}

/** Without a listener an `error` event would end the process; undici's types do not know the event. */
const listenForErrors = (emitter: EventEmitter, onError: (error: Error) => void): void => {
  emitter.on('error', onError)
}

const connector = ({ connectTimeoutMs, tls }: PoolOptions): buildConnector.connector => {
  const timeout = Number.isFinite(connectTimeoutMs) ? connectTimeoutMs : 0
  const connectTcp = buildConnector({
    timeout,
    allowH2: false,
    autoSelectFamily: true,
    // The first of several addresses of a host name must leave time for the next one; Node's floor is 10 ms.
    autoSelectFamilyAttemptTimeout: timeout === 0 ? 500 : Math.max(10, Math.min(500, Math.floor(timeout / 2))),
  })
  let connectTls: buildConnector.connector | undefined
  return (target, callback) => {
    if (target.protocol !== 'https:') {
      connectTcp(target, tellingResets(callback))
      return
    }
    connectTls ??= buildConnector({ timeout, allowH2: false, secureContext: tls.secureContext(), rejectUnauthorized: tls.verify })
    // undici derives the name from the `Host` of the call; a client must not choose whose certificate is accepted.
    connectTls({ ...target, servername: sniName(tls.serverName) }, tellingResets(callback))
  }
}

/**
 * undici takes a reset for the end of a body that has no length of its own, and would pass half a file off as whole.
 * It knows the reset by its code only.
 */
const tellingResets =
  (callback: buildConnector.Callback): buildConnector.Callback =>
  (...args) => {
    const socket = args[1]
    socket?.on('error', (error: NodeJS.ErrnoException) => {
      if (lostWhileKept(socket)) error.code = keptConnectionLost
      else if (error.code === 'ECONNRESET') error.code = 'HEADGATE_RESET'
    })
    callback(...args)
  }

/** RFC 6066 forbids addresses as SNI; certificates are then checked against the address itself. */
export const sniName = (serverName: string): string => (isIP(serverName) === 0 ? serverName : '')

/** Gives every call the same server name: undici drops a TLS connection when the name differs from the call before. */
class TlsPool extends Pool {
  readonly #serverName: string

  constructor(origin: string, options: Pool.Options, serverName: string) {
    super(origin, options)
    this.#serverName = serverName
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const named: NamedDispatchOptions = { ...options, servername: this.#serverName }
    return super.dispatch(named, handler)
  }
}

interface NamedDispatchOptions extends Dispatcher.DispatchOptions {
  /** Read by undici's Request, missing in its types. */
  readonly servername: string
}
