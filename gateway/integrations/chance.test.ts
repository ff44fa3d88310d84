import { afterEach, beforeEach, expect, test } from 'vitest'
import { chance } from '../../test/chaos/chance.ts'
import { until } from '../../test/kit/until.ts'
import { GatewayError } from '../errors.ts'
import type { OperationResult } from './operation.ts'
import { memoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import type { Fault, TestProvider } from './test/provider.ts'
import { integrationOf, modeOf, scene, statusMode } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

let provider: TestProvider
let backup: TestProvider
let scenes: Scene[] = []

beforeEach(async () => {
  provider = await startProvider()
  backup = await startProvider()
  scenes = []
})

afterEach(async () => {
  await Promise.all(scenes.map((each) => each.drain(2000)))
  await Promise.all(scenes.map((each) => each.close()))
  await provider.close()
  await backup.close()
})

const faultOf = (share: number): Fault => {
  if (share < 0.2) return 'lost_answer'
  if (share < 0.25) return { status: 429, retryAfter: '0' }
  if (share < 0.3) return 500
  if (share < 0.32) return 409
  if (share < 0.37) return 'lost_request'
  return share < 0.42 ? 503 : 'ok'
}

/** What callers do who want their payment: they ask again with the same key until it is done. */
const insisting = async (pay: () => Promise<OperationResult>): Promise<OperationResult> => {
  // An intent whose store gave up in the middle is held for the ten seconds of its lease.
  const untilMs = Date.now() + 30_000
  for (;;) {
    try {
      const result = await pay()
      if (result.type === 'completed' || Date.now() > untilMs) return result
    } catch (error) {
      if (!(error instanceof GatewayError) || !['STATE_UNAVAILABLE', 'IDEMPOTENCY_IN_PROGRESS'].includes(error.code)) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test.for([1, 7])(
  'two processes, a provider and a store that fail by chance, a fallback: each payment is made once (seed %i)',
  { timeout: 60_000 },
  async (seed) => {
    const random = chance(seed)
    provider.otherwise = () => faultOf(random())
    backup.otherwise = () => faultOf(random())
    const store = memoryStore(Date.now)
    store.trouble = () => {
      const share = random()
      return share < 0.01 ? 'before' : share < 0.02 ? 'after' : undefined
    }
    const modes = [
      statusMode(503, 'fallback', { to: 'backup' }),
      statusMode(429, 'back_off_and_queue', { delayMs: 10 }),
      modeOf({ kind: 'network_error' }, 'idempotent_retry'),
    ]
    const all = [integrationOf(provider.url, { modes }), integrationOf(backup.url, { name: 'backup' })]
    const consumer =
      (): ((queue: string, message: { readonly id: string }) => Promise<void>) =>
      async (_queue, { id }) => {
        // A broker that delivers at least once, to whichever process.
        const deliver = async (): Promise<void> => {
          for (let again = true; again; ) {
            const one = scenes[random() < 0.5 ? 0 : 1] as Scene
            again = await one.operations.resume(id, 'delivery').then(
              (result) => result?.type === 'wait',
              () => true,
            )
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
        void deliver()
        await Promise.resolve()
      }
    scenes.push(await scene({ store, integrations: all, publish: consumer() }), await scene({ store, integrations: all, publish: consumer() }))
    const count = 120
    const results = await Promise.all(
      Array.from({ length: count }, (_, index) => {
        const one = scenes[index % 2] as Scene
        const operation = index % 3 === 0 ? 'pay_and_ask' : 'pay'
        return insisting(() => one.pay({ key: `order-${index}`, operation }))
      }),
    )
    store.trouble = () => undefined
    await until('nothing is open', async () => Object.keys(await store.counts('intent')).every((state) => state === 'completed'), 15_000)
    expect(results.every(({ type }) => type === 'completed')).toBe(true)
    expect(provider.executed + backup.executed).toBe(count)
    for (const key of backup.charges.keys()) expect(provider.charges.has(key)).toBe(false)
  },
)
