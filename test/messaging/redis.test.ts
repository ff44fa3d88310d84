import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { messageId } from '../../gateway/messaging/jobs/message-id.ts'
import type { JobRequest } from '../../gateway/messaging/jobs/job-store.ts'
import { describeJobStore } from '../contracts/job-store-suite.ts'
import { redisJobs } from '../kit/redis-jobs.ts'
import type { RedisJobs } from '../kit/redis-jobs.ts'
import { redisSource, redisStoreConfig, startRedis } from '../kit/redis.ts'
import type { RedisServer } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await redisSource()

const request = (key?: string, fingerprint = 'f'): JobRequest => ({
  id: messageId(Date.now()),
  queue: 'orders',
  idempotency: key === undefined ? undefined : { scope: 'route', key, fingerprint, ttlMs: 3_600_000 },
})

const unavailable = { code: 'BROKER_UNAVAILABLE', status: 503, retryAfterSeconds: 5 }

describe.skipIf(skips(source))(`Redis${missing(source)}`, () => {
  let redis: RedisServer
  let jobs: RedisJobs

  beforeAll(async () => {
    redis = await startRedis(['save ""', 'appendonly no', 'requirepass of-the-server'])
  })
  afterAll(() => redis.stop())

  const config = () => redisStoreConfig({ urls: [redis.url], password: 'of-the-server' })

  describeJobStore('Redis', () => Promise.resolve(redisJobs(config())))

  describe('a store in Redis', () => {
    beforeEach(() => {
      jobs = redisJobs(config())
    })
    afterEach(() => jobs.stop())

    const raw = (command: string): Promise<string> => redis.server.ask(`AUTH of-the-server\r\n${command}`)

    test('lets keys and ended jobs go after their time, and keeps a job as long as its key', async () => {
      const store = jobs.open({ statusTtlMs: 300 })
      const [plain, keyed] = [request(), { ...request('k') }]
      for (const one of [plain, keyed]) {
        await store.begin(one)
        await store.stored(one.id)
        await store.update(one.id, { state: 'completed' })
      }
      await until('the job without a key is gone', async () => (await store.get(plain.id)) === undefined)
      expect(await store.begin(request('k'))).toMatchObject({ outcome: 'known', job: { id: keyed.id } })
      const keys = (await raw(`KEYS ${jobs.config.keyPrefix}*`)).match(/\r\n[\w-]+:\w+/g) ?? []
      const ttls = await Promise.all(keys.map((key) => raw(`PTTL ${key.trim()}`)))
      expect(keys).not.toEqual([])
      expect(ttls.filter((ttl) => ttl.includes(':-1'))).toEqual([])
    })

    test('goes on after its scripts were forgotten', async () => {
      const store = jobs.open()
      await store.begin(request('a'))
      await raw('SCRIPT FLUSH')
      expect(await store.begin(request('b'))).toMatchObject({ outcome: 'new' })
    })

    test('tells 1,000 that wait in two gateways, over one connection each', async () => {
      const [one, two, consumer] = [jobs.open(), jobs.open(), jobs.open()]
      const ids = await Promise.all(
        Array.from({ length: 1000 }, async () => {
          const { id } = request()
          await one.begin({ id, queue: 'orders', idempotency: undefined })
          await one.stored(id)
          return id
        }),
      )
      const never = new AbortController().signal
      const waiting = ids.map((id, i) => (i % 2 === 0 ? one : two).wait(id, 15_000, never))
      await until('both listen', async () => (await raw(`PUBSUB NUMSUB ${jobs.config.keyPrefix}ended`)).endsWith(':2\r\n+OK\r\n'))
      await Promise.all(ids.map((id) => consumer.update(id, { state: 'completed' })))
      const ended = await Promise.all(waiting)
      expect(ended.filter((job) => job?.state === 'completed')).toHaveLength(1000)
    })

    test('with too few replicas for a key refuses the request, and the key is free', async () => {
      const patient = jobs.open({ config: { ...jobs.config, wait: { replicas: 1, timeoutMs: 100 } } })
      const first = request('k')
      await expect(patient.begin(first)).rejects.toMatchObject(unavailable)
      const other = jobs.open()
      await until('the claim is withdrawn', async () => (await other.begin(request('k', 'other'))).outcome === 'new')
      expect(jobs.errors).toEqual(['the store for the status of messages cannot be used'])
    })

    test('answers within its time when Redis is frozen, and what it is owed is made up for afterwards', async () => {
      const store = jobs.open()
      const other = jobs.open()
      const [open, done] = [request('open'), request('done')]
      await store.begin(open)
      await store.begin(done)
      await store.stored(done.id)
      await other.get(open.id)
      redis.server.freeze()
      try {
        const began = performance.now()
        const calls = [store.begin(request('late')), store.stored(open.id), store.get(done.id), store.wait(done.id, 5000, AbortSignal.timeout(5000))]
        const settled = await Promise.allSettled([...calls, store.update(done.id, { state: 'completed' })])
        expect(performance.now() - began).toBeLessThan(1500)
        expect(settled.slice(0, 4)).toMatchObject(calls.map(() => ({ status: 'rejected', reason: unavailable })))
        expect(settled[4]).toMatchObject({ status: 'fulfilled' })
      } finally {
        redis.server.thaw()
      }
      await until('the message is known to be stored', async () => (await other.get(open.id).catch(() => undefined)) !== undefined)
      await until('its end is known', async () => (await other.get(done.id))?.state === 'completed')
      expect(await other.begin(request('open'))).toMatchObject({ outcome: 'known', job: { id: open.id } })
      await until('the claim that was refused is free', async () => (await other.begin(request('late', 'other'))).outcome === 'new')
    })

    test('says once that it cannot be used, and never what the password is', async () => {
      const store = jobs.open({ config: { ...jobs.config, password: 'a-wrong-one' } })
      for (let i = 0; i < 3; i += 1) {
        const error: unknown = await store.begin(request('k')).catch((thrown: unknown) => thrown)
        expect(error).toMatchObject(unavailable)
        expect(JSON.stringify(error, Object.getOwnPropertyNames(error as Error))).not.toContain('a-wrong-one')
      }
      expect(jobs.errors).toEqual(['the store for the status of messages cannot be used'])
      expect(jobs.lines.join('\n')).toMatch(/WRONGPASS/)
      expect(jobs.lines.join('\n')).not.toContain('a-wrong-one')
    })

    test('says what in the settings of the server does not fit', async () => {
      await jobs.open().begin(request('k'))
      await until('it has asked', () => jobs.lines.some((line) => line.startsWith('warn') && line.includes('append-only')))
    })
  })
})
