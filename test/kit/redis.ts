import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisStoreConfig } from '../../config/model.ts'
import { redisProcess } from './redis-process.ts'
import type { RedisProcess } from './redis-process.ts'
import { serverSource } from './servers.ts'
import type { ServerSource } from './servers.ts'
import { until } from './until.ts'

export type { RedisProcess } from './redis-process.ts'

/** Where Redis and Sentinel are to be had on this machine. The tests kill and freeze them, therefore they never use foreign ones. */
export const redisSource = async (): Promise<ServerSource> => {
  const server = await serverSource({ name: 'Redis', program: '/usr/bin/redis-server', packages: ['redis-server'] })
  if (server.from === 'nowhere') return server
  return serverSource({ name: 'Redis Sentinel', program: '/usr/bin/redis-sentinel', packages: ['redis-sentinel'] })
}

/** Real Redis for one test file, gone without trace after `stop`. */
export interface RedisServer {
  readonly server: RedisProcess
  readonly url: string
  stop(): Promise<void>
}

/** A primary with two replicas, watched by three Sentinels. */
export interface RedisFailover {
  readonly servers: readonly RedisProcess[]
  readonly sentinels: readonly RedisProcess[]
  /** Of the Sentinels. */
  readonly urls: readonly string[]
  readonly name: string
  /** The server that the Sentinels name at this moment. */
  primary(): Promise<RedisProcess>
  /** Kills the primary. @returns What starts it again, as a replica of whichever is the primary then. */
  killPrimary(): Promise<() => Promise<void>>
  /** Resolves when the primary has two replicas that are in step with it, and all Sentinels know them. */
  whole(): Promise<void>
  stop(): Promise<void>
}

const memoryOnly = ['save ""', 'appendonly no']

/** @param settings Lines of `redis.conf`. */
export async function startRedis(settings: readonly string[] = memoryOnly): Promise<RedisServer> {
  const home = await mkdtemp(join(tmpdir(), 'headgate-redis-'))
  const server = await redisProcess('redis-server', home, () => settings)
  const stop = stopper(home, [server])
  await server.start().catch(failed(stop))
  return { server, url: `redis://127.0.0.1:${server.port}`, stop }
}

const name = 'mymaster'

/**
 * How long the Sentinels let a primary be silent, in milliseconds. They connect anew once a second at most, also when they have cut the
 * connections of a new primary themselves: below a second they would take it for dead at once.
 */
const downAfterMs = 1500

export async function startRedisFailover(): Promise<RedisFailover> {
  const home = await mkdtemp(join(tmpdir(), 'headgate-redis-'))
  const settings = [...memoryOnly, 'repl-diskless-sync yes', 'repl-diskless-sync-delay 0', 'repl-ping-replica-period 1']
  const first = await redisProcess('redis-server', home, () => settings)
  const replicaOf = [...settings, `replicaof 127.0.0.1 ${first.port}`]
  const replicas = await Promise.all([1, 2].map(() => redisProcess('redis-server', home, () => replicaOf)))
  const servers = [first, ...replicas]
  const watch = [
    `sentinel monitor ${name} 127.0.0.1 ${first.port} 2`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 5000`,
    `sentinel parallel-syncs ${name} 2`,
  ]
  const sentinels = await Promise.all([1, 2, 3].map(() => redisProcess('redis-sentinel', home, () => watch)))
  const stop = stopper(home, [...servers, ...sentinels])

  const primary = async (): Promise<RedisProcess> => {
    const answers = await Promise.all(sentinels.map((sentinel) => sentinel.ask(`SENTINEL get-master-addr-by-name ${name}`)))
    const named = servers.find(({ port }) => answers.every((answer) => answer.includes(`\r\n${port}\r\n`)))
    if (named === undefined) throw new Error('the Sentinels do not agree on a primary')
    return named
  }
  const isWhole = async (): Promise<boolean> => {
    const info = await (await primary()).ask('INFO replication')
    if (!info.includes('role:master') || info.match(/state=online,offset=\d+,lag=[01]\r/g)?.length !== 2) return false
    const known = await Promise.all(sentinels.map((sentinel) => sentinel.ask(`SENTINEL master ${name}`)))
    return known.every((text) => {
      const value = (key: string): string | undefined => new RegExp(`\\r\\n${key}\\r\\n\\$\\d+\\r\\n(.*)\\r\\n`).exec(text)?.[1]
      return value('flags') === 'master' && value('num-slaves') === '2' && value('num-other-sentinels') === '2'
    })
  }
  const whole = (): Promise<void> => until('the replicas are in step and the Sentinels know them', () => isWhole().catch(() => false), 30_000)

  const killPrimary = async (): Promise<() => Promise<void>> => {
    const killed = await primary()
    await killed.kill()
    return async () => {
      await until('another one is the primary', async () => {
        const named = await primary().catch(() => killed)
        return named !== killed
      })
      await killed.start(['--replicaof', '127.0.0.1', String((await primary()).port)])
    }
  }

  await Promise.all(servers.map((server) => server.start()))
    .then(() => Promise.all(sentinels.map((sentinel) => sentinel.start())))
    .then(whole)
    .catch(failed(stop))
  return { servers, sentinels, urls: sentinels.map(({ port }) => `redis://127.0.0.1:${port}`), name, primary, killPrimary, whole, stop }
}

function stopper(home: string, processes: readonly RedisProcess[]): () => Promise<void> {
  const killAll = (): void => {
    for (const one of processes) void one.kill()
  }
  process.once('exit', killAll)
  return async () => {
    process.off('exit', killAll)
    await Promise.all(processes.map((one) => one.kill()))
    await rm(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

const failed =
  (stop: () => Promise<void>) =>
  async (error: unknown): Promise<never> => {
    await stop()
    throw error
  }

/** A store as the configuration describes it. */
export const redisStoreConfig = (over: Partial<RedisStoreConfig> & Pick<RedisStoreConfig, 'urls'>): RedisStoreConfig => ({
  type: 'redis',
  keyPrefix: 'headgate:',
  wait: { replicas: 0, timeoutMs: 500 },
  commandTimeoutMs: 1000,
  connectTimeoutMs: 5000,
  ...over,
})
