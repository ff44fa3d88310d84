import type { Options, SocketOptions } from 'amqplib'
import type { RabbitmqBrokerConfig } from '../../../config/model.ts'
import { tlsOptions } from '../tls-options.ts'

/** One node of the broker. */
export interface NodeAddress {
  /** Without credentials, for logs and status: `amqps://rabbit-1:5671/orders`. */
  readonly name: string
  /** With credentials: never to be printed. */
  readonly connect: Options.Connect
  readonly socket: SocketOptions
}

/** The nodes in the order in which they are tried. */
export function nodeAddresses(config: RabbitmqBrokerConfig): readonly NodeAddress[] {
  return config.urls.map((text) => nodeAddress(new URL(text), config))
}

function nodeAddress(url: URL, config: RabbitmqBrokerConfig): NodeAddress {
  const secure = url.protocol === 'amqps:'
  const hostname = url.hostname.replaceAll(/^\[|\]$/g, '')
  const port = url.port === '' ? (secure ? 5671 : 5672) : Number(url.port)
  const vhost = url.pathname.length > 1 ? url.pathname.slice(1) : '%2F'
  return {
    name: `${url.protocol}//${url.hostname}:${port}${vhost === '%2F' ? '' : `/${vhost}`}`,
    connect: {
      protocol: secure ? 'amqps' : 'amqp',
      hostname,
      port,
      // Percent-encoded: the client library decodes it.
      vhost,
      username: config.username ?? (url.username === '' ? 'guest' : decodeURIComponent(url.username)),
      password: config.password ?? (url.username === '' ? 'guest' : decodeURIComponent(url.password)),
      // The protocol counts heartbeats in seconds.
      heartbeat: Math.max(1, Math.round(config.heartbeatMs / 1000)),
    },
    socket: { noDelay: true, keepAlive: true, ...(secure ? tlsOptions(config.tls, hostname) : {}) },
  }
}
