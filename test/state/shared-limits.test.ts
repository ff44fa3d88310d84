import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { GatewayConfig, StateStoreConfig } from '../../config/model.ts'
import { sharedLimits } from '../../gateway/limits/shared-limits.ts'
import type { SharedLimits } from '../../gateway/limits/shared-limits.ts'
import { redisSource, redisStoreConfig, startRedis } from '../kit/redis.ts'
import { missing, skips } from '../kit/servers.ts'

const source = await redisSource()

const line = (): void => undefined
const rate = { limit: 10, windowMs: 60_000 }
let open: SharedLimits[] = []

const gateway = (): SharedLimits => {
  const limits = sharedLimits({
    log: { debug: line, info: line, warn: line, error: line },
    now: Date.now,
    reveal: (text) => text.replace('${secret:redis#password}', 'of-the-server'),
  })
  open.push(limits)
  return limits
}
afterEach(() => {
  for (const limits of open) limits.close()
  open = []
})

const enter = async (limits: SharedLimits, state: StateStoreConfig): Promise<void> => {
  const integrations = [{ name: 'payment' } as GatewayConfig['integrations'][number]]
  const { enter: go } = await limits.prepare({ integrations, state })
  go()
}
const grantsOf = async (limits: SharedLimits): Promise<number> => {
  const taken = await Promise.all(Array.from({ length: 20 }, () => limits.take('payment', rate, 0, { maxWaitMs: 0 })))
  return taken.filter(({ granted }) => granted).length
}

describe('the limits of a gateway', () => {
  test('are shared by the processes that use one file, and stay used up over a reload', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'headgate-limits-'))
    const state = { type: 'embedded', path: join(folder, 'store.db') } as const
    const [one, two] = [gateway(), gateway()]
    for (const limits of [one, two]) await enter(limits, state)
    expect((await grantsOf(one)) + (await grantsOf(two))).toBe(10)
    await enter(one, state)
    expect(await grantsOf(one)).toBe(0)
    for (const limits of [one, two]) limits.close()
    await rm(folder, { recursive: true, maxRetries: 5 })
  })

  test('are those of each process where the state is in PostgreSQL', async () => {
    const [one, two] = [gateway(), gateway()]
    const times = { connectTimeoutMs: 1000, queryTimeoutMs: 1000 }
    const state = { type: 'postgresql', url: 'postgresql://127.0.0.1:1/none', tablePrefix: 'headgate_', maxConnections: 1, ...times } as const
    for (const limits of [one, two]) await enter(limits, state)
    expect([await grantsOf(one), await grantsOf(two)]).toEqual([10, 10])
  })

  test.skipIf(skips(source))(`are shared where the state is in Redis, whose password may be a secret${missing(source)}`, async () => {
    const redis = await startRedis(['save ""', 'appendonly no', 'requirepass of-the-server'])
    try {
      const [one, two] = [gateway(), gateway()]
      for (const limits of [one, two]) await enter(limits, redisStoreConfig({ urls: [redis.url], password: '${secret:redis#password}' }))
      expect((await grantsOf(one)) + (await grantsOf(two))).toBe(10)
      expect([one.grantedAlone, two.grantedAlone]).toEqual([0, 0])
      for (const limits of [one, two]) limits.close()
    } finally {
      await redis.stop()
    }
  })
})
