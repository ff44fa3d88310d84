import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { RecordStore } from '../../gateway/state/record-store.ts'
import { describeRecordStore } from '../contracts/record-store-suite.ts'
import { redisSource, redisStoreConfig, startRedis, startRedisFailover } from '../kit/redis.ts'
import type { RedisFailover, RedisServer } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { newRecord } from './records.ts'
import { serverStores } from './stores.ts'
import type { ServerStores } from './stores.ts'

const source = await redisSource()

const unavailable = { code: 'STATE_UNAVAILABLE', status: 503, retryAfterSeconds: 5 }

describe.skipIf(skips(source))(`records in Redis${missing(source)}`, () => {
  let redis: RedisServer
  let stores: ServerStores

  beforeAll(async () => {
    redis = await startRedis(['save ""', 'appendonly yes', 'appendfsync always', 'requirepass of-the-server'])
  })
  afterAll(() => redis.stop())

  const config = () => redisStoreConfig({ urls: [redis.url], password: 'of-the-server' })
  const raw = (command: string): Promise<string> => redis.server.ask(`AUTH of-the-server\r\n${command}`)

  describeRecordStore('Redis', () => Promise.resolve(serverStores(config())))

  describe('beyond the contract', () => {
    let store: RecordStore
    beforeEach(() => {
      stores = serverStores(config())
      store = stores.open()
    })
    afterEach(() => stores.stop())

    test('leave nothing behind when they have expired', async () => {
      const brief = stores.open({}, { cleanEveryMs: 20 })
      const over = { expiresAtMs: Date.now() + 100, dueAtMs: 1 }
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => brief.put(newRecord(`i:${i}`, { ...over, state: i % 2 === 0 ? 'running' : 'review' }), 0)),
      )
      const { place } = stores
      const keys = (): Promise<string> => raw(`KEYS ${place.type === 'redis' ? place.keyPrefix : ''}*`)
      expect(await keys()).toContain('record:intent:i:1')
      await until('nothing is left', async () => (await keys()).includes('*0\r\n'))
    })

    test('go on after the scripts were forgotten', async () => {
      await store.put(newRecord('a'), 0)
      await raw('SCRIPT FLUSH')
      expect(await store.get('intent', 'a')).toMatchObject({ version: 1 })
    })

    test('do not count while too few replicas have them', async () => {
      const careful = stores.open({ wait: { replicas: 1, timeoutMs: 100 } })
      await expect(careful.put(newRecord('a'), 0)).rejects.toMatchObject({ ...unavailable, sent: true })
      expect(stores.lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
    })

    test.each(['frozen', 'killed'] as const)('refuse in time while Redis is %s, and go on afterwards with all that was confirmed', async (how) => {
      await store.put(newRecord('before'), 0)
      if (how === 'frozen') redis.server.freeze()
      else await redis.server.kill()
      const began = performance.now()
      const calls = [
        store.put(newRecord('during'), 0),
        store.get('intent', 'before'),
        store.due('intent', Date.now(), 1),
        store.list('intent', { limit: 1 }),
        store.counts('intent'),
        store.remove('intent', 'before', 1),
      ]
      const settled = await Promise.allSettled(calls)
      expect(performance.now() - began).toBeLessThan(1500)
      expect(settled).toMatchObject(calls.map(() => ({ status: 'rejected', reason: unavailable })))
      if (how === 'frozen') redis.server.thaw()
      else await redis.server.start()
      await until('it works again', async () => (await store.put(newRecord('after'), 0).catch(() => undefined)) === 1)
      // What was under way when it froze may have been done.
      if (how === 'killed') expect(await store.get('intent', 'before')).toMatchObject({ version: 1 })
      expect(stores.lines.filter((line) => line.includes('the state store')).map((line) => line.split('the state store ')[1])).toEqual([
        'cannot be used',
        'works again',
      ])
    })

    test('never tell what the password is', async () => {
      const wrong = stores.open({ password: 'a-wrong-one' })
      const error: unknown = await wrong.get('intent', 'a').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject(unavailable)
      expect(JSON.stringify([error, Object.getOwnPropertyNames(error as Error), stores.lines])).not.toContain('a-wrong-one')
    })
  })
})

describe.skipIf(skips(source))(`records in Redis that fails over${missing(source)}`, () => {
  let redis: RedisFailover
  beforeAll(async () => {
    redis = await startRedisFailover()
  })
  afterAll(() => redis.stop())

  test('are where the new primary is, and none that was confirmed is lost', async () => {
    const stores = serverStores(
      redisStoreConfig({ urls: [...redis.urls], sentinel: { name: redis.name, database: 0 }, wait: { replicas: 1, timeoutMs: 500 } }),
    )
    onTestFinished(() => stores.stop())
    const store = stores.open()
    const confirmed: string[] = []
    let stopped = false
    const writing = Promise.all(
      [0, 1, 2, 3].map(async (lane) => {
        for (let i = 0; !stopped; i += 1) {
          const id = `${lane}-${i}`
          const version = await store.put(newRecord(id), 0).catch(() => undefined)
          if (version === 1) confirmed.push(id)
          else await new Promise((resolve) => setTimeout(resolve, 10))
        }
      }),
    )
    try {
      for (let kill = 0; kill < 2; kill += 1) {
        await redis.whole()
        const before = confirmed.length
        await until('records are kept', () => confirmed.length > before + 200, 15_000)
        const startAgain = await redis.killPrimary()
        await startAgain()
        const after = confirmed.length
        await until('records are kept again', () => confirmed.length > after + 200, 20_000)
      }
    } finally {
      stopped = true
      await writing
    }
    const lost: string[] = []
    for (let from = 0; from < confirmed.length; from += 500) {
      const some = confirmed.slice(from, from + 500)
      const found = await Promise.all(some.map((id) => store.get('intent', id)))
      lost.push(...some.filter((_, i) => found[i] === undefined))
    }
    expect(lost).toEqual([])
  }, 90_000)
})
