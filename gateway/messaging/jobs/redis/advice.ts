import type { Redis } from 'ioredis'
import type { BrokerLog } from '../../broker.ts'

/** Says in the log what in the settings of the server does not fit a store of keys. Asks once, and never rejects. */
export async function adviseOnServer(client: Redis, where: object, log: BrokerLog): Promise<void> {
  const info = await client.info().catch(() => undefined)
  if (info === undefined) return
  const value = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const policy = value('maxmemory_policy')
  if (value('cluster_enabled') === '1') log.error(where, 'Redis Cluster is not supported: what belongs to one request lies on several of its servers')
  if (value('maxmemory') !== '0' && policy !== 'noeviction') {
    log.warn({ ...where, policy }, 'Redis may evict idempotency keys before their time; set maxmemory-policy to noeviction')
  }
  if (value('aof_enabled') === '0') {
    log.warn(where, 'Redis keeps no append-only file: a restart loses the idempotency keys since its last snapshot; set appendonly to yes')
  }
}
