import type { RedisStoreConfig } from '../../../../config/model.ts'
import type { RedisConnection } from './connection.ts'

export interface Replication {
  /**
   * Resolves when what `write` has written is on as many replicas as the configuration wants; at once where it wants none.
   * @throws {GatewayError} BROKER_UNAVAILABLE when too few have it: it may stay, or be lost with the primary.
   */
  confirmed<Answer>(write: () => Promise<Answer>): Promise<Answer>
}

/**
 * Many writes share one WAIT: it holds for all that the connection has written before, and while it runs the connection does nothing else.
 * The next one is sent when the last one is answered, for all that were written meanwhile.
 */
export function replication({ wait }: RedisStoreConfig, redis: RedisConnection): Replication {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<unknown> | undefined

  const replicas = (): Promise<unknown> => {
    if (next !== undefined) return next
    next = running.then(() => {
      next = undefined
      return redis.call('wait', wait.replicas, wait.timeoutMs)
    })
    running = next.catch(() => undefined)
    return next
  }

  return {
    confirmed: async (write) => {
      if (wait.replicas === 0) return write()
      await redis.opened()
      const { epoch } = redis
      const answer = await write()
      const count = Number(await replicas())
      // Over another connection, perhaps to another server, WAIT knows nothing of what was written over this one.
      if (epoch !== redis.epoch) throw redis.unavailable(new Error('the connection was lost before the replicas had the key'))
      if (count < wait.replicas) throw redis.unavailable(new Error(`${count} of ${wait.replicas} replicas have the key`))
      return answer
    },
  }
}
