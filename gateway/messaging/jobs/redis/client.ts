import { Redis } from 'ioredis'
import type { RedisStoreConfig } from '../../../../config/model.ts'
import { redisAddress } from './address.ts'
import type { ClientOptions } from './address.ts'

const firstRetryMs = 50
const maxRetryMs = 500

/** A peer that does not say goodbye is given up after this. */
const goodbyeMs = 100

export interface RedisClient {
  readonly client: Redis
  /** For good; without it, lost connections are made anew for ever. */
  close(): void
}

/**
 * A client that holds nothing for a server that is away (by default the library keeps every command until it is back, and all the memory
 * that takes) and never gives up.
 * @param onError Gets what goes wrong with the connection, without what was sent.
 */
export function redisClient(config: RedisStoreConfig, onError: (error: Error) => void): RedisClient {
  const { commandTimeoutMs, connectTimeoutMs } = config
  const options: ClientOptions = {
    ...redisAddress(config),
    connectionName: 'headgate',
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    // Silence while somebody waits: the peer is frozen, or the network lost it.
    socketTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: goodbyeMs,
    sentinelCommandTimeout: commandTimeoutMs,
    retryStrategy: retryMs,
    sentinelRetryStrategy: retryMs,
  }
  const client = new Redis(options)
  let closed = false
  let again: NodeJS.Timeout | undefined
  client.on('error', (error: unknown) => onError(plainError(error)))
  // The library gives up when it is cut off in the middle of asking a Sentinel.
  client.on('end', () => {
    if (!closed) again = setTimeout(() => void client.connect().catch(() => undefined), maxRetryMs)
  })
  return {
    client,
    close: () => {
      closed = true
      clearTimeout(again)
      client.disconnect()
    },
  }
}

const retryMs = (times: number): number => Math.min(firstRetryMs * 2 ** Math.min(times - 1, 10), maxRetryMs)

/** The message alone: errors of the library carry the command with its arguments, credentials among them. */
export const plainError = (error: unknown): Error => new Error(error instanceof Error ? error.message : String(error))
