import type { Redis } from 'ioredis'
import type { RedisStoreConfig } from '../../../../config/model.ts'
import { redisClient } from './client.ts'
import type { RedisClient } from './client.ts'

/** A connection that nobody needed for this long is closed. */
const idleMs = 10_000

/** How often the store is asked all the same: with the channel, in case it has lost a line; without it, because there is nothing else. */
const listeningMs = 5000
const deafMs = 250

/** Hears from all gateways which jobs have ended, over one connection for all that wait here, and only while somebody waits. */
export interface Endings {
  /** Asked again and again while somebody waits. @returns A number that changes when the store must be asked. */
  version(): Promise<number>
  close(): void
}

/** @param now Milliseconds on any clock. */
export function endings(config: RedisStoreConfig, channel: string, now: () => number, onEnded: (id: string) => void): Endings {
  let connection: RedisClient | undefined
  let listening = false
  let version = 0
  let changedAtMs = now()
  let askedAtMs = now()
  let idle: NodeJS.Timeout | undefined

  const change = (): void => {
    version += 1
    changedAtMs = now()
  }

  const end = (): void => {
    clearInterval(idle)
    connection?.close()
    connection = undefined
    listening = false
  }

  const listen = async (client: Redis): Promise<void> => {
    try {
      await client.subscribe(channel)
      listening = client.status === 'ready'
      // What has ended before was not heard.
      change()
    } catch {
      if (client.status === 'ready') client.disconnect(true)
    }
  }

  const open = (): RedisClient => {
    // Troubles are those of the store, and its other connection tells them.
    const opened = redisClient(config, () => undefined)
    const { client } = opened
    client.on('message', (_channel: string, id: string) => onEnded(id))
    client.on('close', () => {
      listening = false
    })
    client.on('ready', () => void listen(client))
    idle = setInterval(() => {
      if (Math.abs(now() - askedAtMs) > idleMs) end()
    }, idleMs).unref()
    return opened
  }

  return {
    version: () => {
      askedAtMs = now()
      connection ??= open()
      if (Math.abs(now() - changedAtMs) > (listening ? listeningMs : deafMs)) change()
      return Promise.resolve(version)
    },
    close: end,
  }
}
