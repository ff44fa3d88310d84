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
  test('are its own where the state is a file', async () => {
    const [one, two] = [gateway(), gateway()]
    for (const limits of [one, two]) await enter(limits, { type: 'embedded', path: '/nowhere/store.db' })
    expect([await grantsOf(one), await grantsOf(two)]).toEqual([10, 10])
  })

  test('stay used up over a reload that does not touch them', async () => {
    const limits = gateway()
    expect(await grantsOf(limits)).toBe(10)
    await enter(limits, { type: 'embedded', path: '/nowhere/store.db' })
    await enter(limits, { type: 'embedded', path: '/nowhere/else.db' })
    expect(await grantsOf(limits)).toBe(0)
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
