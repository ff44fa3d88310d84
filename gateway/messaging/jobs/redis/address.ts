import type { RedisOptions } from 'ioredis'
import type { RedisStoreConfig } from '../../../../config/model.ts'
import { tlsOptions } from '../../tls-options.ts'

const redisPort = 6379
const sentinelPort = 26_379

/** Replies have the shapes that the library gives them by default. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>

/** Where the primary is found, and how the gateway proves who it is. */
export function redisAddress(config: RedisStoreConfig): ClientOptions {
  const urls = config.urls.map((url) => new URL(url))
  const [first] = urls
  if (first === undefined) throw new TypeError('a store without an address was accepted')
  const { sentinel } = config
  // Which server is the primary, the Sentinels tell later: its own address is what its certificate must be for then.
  const tls = first.protocol === 'rediss:' ? tlsOptions(config.tls, sentinel === undefined ? hostOf(first) : undefined) : undefined
  if (sentinel === undefined) {
    const username = config.username ?? decodeURIComponent(first.username)
    const password = config.password ?? decodeURIComponent(first.password)
    return {
      host: hostOf(first),
      port: portOf(first, redisPort),
      db: Number(first.pathname.slice(1)),
      ...(username === '' ? {} : { username }),
      ...(password === '' ? {} : { password }),
      ...(tls === undefined ? {} : { tls }),
    }
  }
  return {
    sentinels: urls.map((url) => ({ host: hostOf(url), port: portOf(url, sentinelPort) })),
    name: sentinel.name,
    db: sentinel.database,
    ...(config.username === undefined ? {} : { username: config.username }),
    ...(config.password === undefined ? {} : { password: config.password }),
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
    ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  }
}

/** The addresses as they may be shown. */
export const shownAddress = ({ urls }: RedisStoreConfig): string => urls.map((url) => new URL(url).host).join(', ')

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

const portOf = ({ port }: URL, otherwise: number): number => (port === '' ? otherwise : Number(port))
