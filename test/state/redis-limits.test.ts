import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { RedisStoreConfig } from '../../config/model.ts'
import { outboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import type { OutboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import { redisGrants } from '../../gateway/limits/redis-grants.ts'
import type { Priority } from '../../gateway/limits/waiting-line.ts'
import { redisSource, redisStoreConfig, startRedis } from '../kit/redis.ts'
import type { RedisServer } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { go, grantsOf, limitUsers, rate } from './limit-users.ts'

const source = await redisSource()

describe.skipIf(skips(source))(`a rate limit that several processes share over Redis${missing(source)}`, () => {
  let redis: RedisServer
  let config: RedisStoreConfig
  let all: OutboundLimits[] = []
  let lines: string[] = []
  let alone = 0
  const line = (_fields: object, message: string): void => void lines.push(message)

  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())
  beforeEach(() => {
    config = { ...redisStoreConfig({ urls: [redis.url] }), keyPrefix: `${randomUUID()}:` }
    all = []
    lines = []
    alone = 0
  })
  afterEach(async () => {
    for (const limits of all) limits.close()
    await kill()
  })

  /** As one more process has it. */
  const open = (): OutboundLimits => {
    const limits = outboundLimits()
    const log = { debug: line, info: line, warn: line, error: line }
    const onAlone = (grants: number): void => {
      alone += grants
    }
    limits.share(redisGrants({ config, log, now: Date.now, monotonicNow: () => performance.now(), onAlone }))
    all.push(limits)
    return limits
  }
  const { process, kill } = limitUsers(() => config)

  test('lets exactly 100 pass of 2 times 200 that come at the same time', async () => {
    const two = await Promise.all([1, 2].map(() => process({ takes: 200, rate, maxWaitMs: 0 })))
    const [one = 0, other = 0] = await Promise.all(two.map(go))
    expect(one + other).toBe(100)
  })

  test('lets those pass who wait in two processes, no more in any window, and wastes none', async () => {
    const small = { limit: 20, windowMs: 500 }
    const two = await Promise.all([1, 2].map(() => process({ takes: 50, rate: small, maxWaitMs: 10_000 })))
    const began = performance.now()
    expect(await Promise.all(two.map(go))).toEqual([50, 50])
    // 100 in portions of 20: the last of them after four windows.
    expect(performance.now() - began).toBeGreaterThanOrEqual(2000)
    expect(performance.now() - began).toBeLessThan(3500)
  })

  test('serves all of P0 before P2, in whichever process they wait', async () => {
    const [one, two] = [open(), open()]
    const small = { limit: 5, windowMs: 400 }
    expect(await grantsOf(one, 5, small)).toBe(5)
    const order: string[] = []
    const wait = (limits: OutboundLimits, priority: Priority) =>
      Array.from({ length: 10 }, async () => {
        await limits.take('payment', small, priority, { maxWaitMs: 30_000 })
        order.push(`P${priority}`)
      })
    const bulk = wait(one, 2)
    const urgent = wait(two, 0)
    await Promise.all([...bulk, ...urgent])
    expect(order).toEqual([...Array.from({ length: 10 }, () => 'P0'), ...Array.from({ length: 10 }, () => 'P2')])
  })

  test('keeps nothing for a process that has given up', async () => {
    const [one, two] = [open(), open()]
    const small = { limit: 1, windowMs: 300 }
    expect(await grantsOf(one, 1, small)).toBe(1)
    const gone = new AbortController()
    const waiting = one.take('payment', small, 0, { maxWaitMs: 10_000, signal: gone.signal })
    await until('it is known to wait', async () => (await redis.server.ask(`HLEN ${config.keyPrefix}limit-waiting:payment`)).startsWith(':1'))
    gone.abort()
    expect(await waiting).toMatchObject({ granted: false })
    expect(await grantsOf(two, 1, small, 2, 2000)).toBe(1)
  })

  test('says when to come again', async () => {
    const [one, two] = [open(), open()]
    await grantsOf(one, 100)
    const refused = await two.take('payment', rate, 0, { maxWaitMs: 30_000 })
    expect(refused).toMatchObject({ granted: false })
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeGreaterThan(58_000)
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeLessThanOrEqual(60_000)
  })

  test('lets no more pass when the clock of the server is set back by 10 s', async () => {
    // As it looks afterwards: the last grant lies ahead.
    const ahead = (Date.now() + 10_000) * 1000
    await redis.server.ask(`RPUSH ${config.keyPrefix}limit:payment ${ahead}`)
    expect(await grantsOf(open(), 200)).toBe(99)
    const refused = await open().take('payment', rate, 0, { maxWaitMs: 0 })
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeGreaterThan(59_000)
  })

  test('is kept by each process alone while Redis is frozen, and Redis is told afterwards', async () => {
    const [one, two] = [open(), open()]
    const small = { limit: 10, windowMs: 60_000 }
    expect(await grantsOf(one, 4, small)).toBe(4)
    expect(await grantsOf(two, 0, small)).toBe(0)
    redis.server.freeze()
    try {
      const began = performance.now()
      expect(await grantsOf(one, 10, small)).toBe(6)
      expect(performance.now() - began).toBeLessThan(1500)
      expect(await grantsOf(one, 10, small)).toBe(0)
      expect(alone).toBe(6)
    } finally {
      redis.server.thaw()
    }
    await until('Redis knows all grants', () => lines.includes('the rate limits are shared again'), 10_000)
    expect(await grantsOf(two, 10, small)).toBe(0)
    expect(lines.filter((message) => message.startsWith('each process'))).toHaveLength(1)
  })

  test('goes on while Redis is killed, and is shared again when it is back', async () => {
    const [one, two] = [open(), open()]
    await grantsOf(one, 1, { limit: 1000, windowMs: 60_000 })
    await redis.server.kill()
    try {
      expect(await grantsOf(one, 300)).toBe(99)
    } finally {
      await redis.server.start()
    }
    const key = `${config.keyPrefix}limit:payment`
    await until('Redis knows what was granted meanwhile', async () => (await redis.server.ask(`LLEN ${key}`)).startsWith(':99'), 10_000)
    expect(await grantsOf(two, 10)).toBe(1)
  })
})
