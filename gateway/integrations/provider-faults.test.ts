import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import type { IntegrationConfig } from '../../config/model.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import type { TestProvider } from './test/provider.ts'
import { integrationOf, modeOf, scene, statusMode } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

const hourMs = 3_600_000

let provider: TestProvider
let backup: TestProvider
let store: MemoryStore
let clock: { offsetMs: number }
let scenes: Scene[]
let one: Scene

beforeEach(async () => {
  provider = await startProvider()
  backup = await startProvider()
  clock = { offsetMs: 0 }
  store = memoryStore(() => Date.now() + clock.offsetMs)
  scenes = []
})

afterEach(async () => {
  await Promise.all(scenes.map((each) => each.drain(2000)))
  await Promise.all(scenes.map((each) => each.close()))
  await provider.close()
  await backup.close()
})

const start = async (change: Parameters<typeof integrationOf>[1] = {}, others: readonly IntegrationConfig[] = []): Promise<Scene> => {
  one = await scene({ store, clock, integrations: [integrationOf(provider.url, change), ...others] })
  scenes.push(one)
  return one
}

const stateOf = async (id: string): Promise<string | undefined> => (await one.operations.status(id))?.state
const ended = (id: string, state: string): Promise<void> => until(`it is ${state}`, async () => (await stateOf(id)) === state, 8000)

describe('keys with the rules of Stripe', () => {
  test('an answer of 409 is tried again with the same key', async () => {
    provider.script(409, 409)
    await start()
    expect(await one.pay()).toMatchObject({ type: 'completed' })
    expect(new Set(provider.keys)).toHaveProperty('size', 1)
    expect(provider.executed).toBe(1)
  })

  test('a 500 that is kept under the key is recognised by asking, and ends as failed', async () => {
    provider.script('stored_500')
    await start()
    const result = await one.pay({ operation: 'pay_and_ask' })
    expect(result).toMatchObject({ type: 'pending' })
    // It might pass.
    await until('it was tried again', () => provider.keys.length > 4)
    expect(await stateOf(result.id)).not.toBe('failed')
    clock.offsetMs = 61_000
    await ended(result.id, 'failed')
    expect(await one.operations.status(result.id)).toMatchObject({ failure: { kind: 'provider_error', status: 500, executed: 'no' } })
    expect(provider.executed).toBe(0)
    expect(new Set(provider.keys).size).toBe(1)
  })

  test('a 500 that is kept under the key is left to a person where nobody can be asked', async () => {
    provider.script('stored_500')
    await start()
    const result = await one.pay()
    clock.offsetMs = 23 * hourMs
    await ended(result.id, 'review')
    expect(one.alerts.at(-1)).toMatchObject({ severity: 'critical', about: `payment.pay/review/${result.id}` })
  })

  test('an answer that got lost is found by asking, without another attempt', async () => {
    provider.script('lost_answer')
    await start({ retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 1, maxAttempts: 1 } })
    const result = await one.pay({ operation: 'pay_and_ask' })
    expect(result).toMatchObject({ type: 'pending' })
    await ended(result.id, 'completed')
    expect(provider.keys).toHaveLength(1)
    expect(await one.operations.status(result.id)).toMatchObject({ output: { id: 'ch_1' } })
  })

  test('nothing is repeated once the provider forgets its keys', async () => {
    await start({ reconcile: { baseDelayMs: 10, maxDelayMs: 50, giveUpAfterMs: 100 * 24 * hourMs } })
    provider.script('lost_answer')
    provider.otherwise = () => 'lost_request'
    const result = await one.pay()
    clock.offsetMs = 24 * hourMs
    await ended(result.id, 'review')
    const sent = provider.keys.length
    provider.otherwise = () => 'ok'
    provider.keepsKeys = false
    expect(await one.pay()).toMatchObject({ type: 'pending', replayed: true })
    expect(provider.keys).toHaveLength(sent)
    expect(provider.executed).toBe(1)
  })

  test('of an operation without keys the provider is asked, and what it does not know is not done again', async () => {
    provider.script('lost_request')
    await start()
    const result = await one.pay({ operation: 'pay_once_and_ask' })
    expect(result).toMatchObject({ type: 'pending' })
    await until('it was asked', async () => (await stateOf(result.id)) === 'verifying')
    clock.offsetMs = 61_000
    await ended(result.id, 'failed')
    expect(provider.keys).toHaveLength(1)
  })

  test('a refusal of what needs no key does not say that the attempt before it was refused', async () => {
    await start()
    provider.keepsKeys = false
    provider.script('lost_answer', 'declined')
    const result = await one.pay({ operation: 'capture' })
    // It may be refused because it is done.
    expect(result).toMatchObject({ type: 'pending' })
    await ended(result.id, 'completed')
  })

  test('of a dead process without keys the provider is asked only when its request cannot be under way any more', async () => {
    await start()
    await one.drain(0)
    provider.script('silent')
    provider.keepsKeys = false
    void one.pay({ operation: 'pay_once_and_ask' }).catch(() => undefined)
    await until('it was sent', () => provider.keys.length === 1)
    clock.offsetMs = 11_000
    const second = await scene({ store, clock, integrations: [integrationOf('http://127.0.0.1:1')] })
    scenes.push(second)
    const stateNow = (): string | undefined => [...store.records.values()][0]?.state
    await until('it is being verified', () => stateNow() === 'verifying')
  })

  test('silence ends with the time limit, and the payment is verified', async () => {
    provider.script('silent')
    await start({
      operation: { timeoutMs: 100 },
      modes: [modeOf({ kind: 'timeout' }, 'idempotent_retry', { tell: [{ language: 'en', text: 'Verifying payment...' }] })],
    })
    expect(await one.pay()).toMatchObject({ type: 'completed' })
    provider.script('silent', 'silent', 'silent')
    const result = await one.pay({ key: 'order-2' })
    expect(result).toMatchObject({ type: 'pending', status: 202, tell: [{ text: 'Verifying payment...' }] })
    await ended(result.id, 'completed')
    expect(provider.executed).toBe(2)
  })
})

describe('a fallback for payments', () => {
  const modes = [modeOf({ kind: 'network_error' }, 'fallback', { to: 'backup' }), statusMode(503, 'fallback', { to: 'backup' })]
  const withBackup = (): Promise<Scene> => start({ modes }, [integrationOf(backup.url, { name: 'backup' })])

  test('is refused after an unknown outcome: the payment stays where it may have happened', async () => {
    provider.script('lost_answer', 'lost_answer', 'lost_answer')
    await withBackup()
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending' })
    await ended(result.id, 'completed')
    expect(backup.keys).toEqual([])
    expect(provider.executed).toBe(1)
  })

  test('is refused when only the last of several attempts was not executed', async () => {
    await withBackup()
    provider.script('lost_answer', 503, 503)
    const result = await one.pay()
    await ended(result.id, 'completed')
    expect(backup.keys).toEqual([])
    expect(provider.executed).toBe(1)
  })

  test('is done after a refused connection, and kept to from then on', async () => {
    await withBackup()
    await provider.down()
    backup.script('lost_answer', 'lost_answer', 'lost_answer')
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending' })
    await provider.up()
    await ended(result.id, 'completed')
    expect(await one.pay()).toMatchObject({ type: 'completed', by: 'backup', replayed: true })
    expect(provider.keys).toEqual([])
    expect(backup.executed).toBe(1)
  })

  test('does not go round in circles', async () => {
    const back = [statusMode(503, 'fallback', { to: 'payment' })]
    await start({ modes }, [integrationOf(backup.url, { name: 'backup', modes: back })])
    provider.otherwise = () => 503
    backup.otherwise = () => 503
    expect(await one.pay()).toMatchObject({ type: 'failed', failure: { kind: 'service_down' } })
    expect(provider.keys).toHaveLength(3)
    expect(backup.keys).toHaveLength(3)
  })
})

describe('a fallback for emails', () => {
  const modes = [modeOf({ kind: 'network_error' }, 'fallback', { to: 'backup' })]

  test('sends one more at most after an unknown outcome, and counts it', async () => {
    provider.script('lost_answer')
    await start({ modes }, [
      integrationOf(backup.url, { name: 'backup', modes: [modeOf({ kind: 'network_error' }, 'fallback', { to: 'third' })] }),
      integrationOf(backup.url, { name: 'third' }),
    ])
    expect(await one.pay({ operation: 'send' })).toMatchObject({ type: 'completed', by: 'backup' })
    expect(provider.executed + backup.executed).toBe(2)
    expect(await one.metrics.text()).toContain('headgate_duplicates_possible_total{integration="payment"} 1')

    provider.script('lost_answer')
    backup.script('lost_answer')
    // Both may have sent it; a third one is not asked.
    expect(await one.pay({ operation: 'send', key: 'mail-2' })).toMatchObject({ type: 'failed', failure: { executed: 'unknown' } })
    expect(provider.keys).toHaveLength(2)
    expect(backup.keys).toHaveLength(2)
  })
})

describe('processes', () => {
  test('an intent of a dead process is taken up, with the same key', async () => {
    await start()
    await one.drain(0)
    provider.script('silent')
    void one.pay().catch(() => undefined)
    await until('it was sent', () => provider.keys.length === 1)
    // From here on the first process gives no sign of life, as far as the others can see.
    clock.offsetMs = 11_000
    const second = await scene({ store, clock, integrations: [integrationOf(provider.url)] })
    scenes.push(second)
    await until('the payment is completed', async () => {
      const [record] = store.records.values()
      return record?.state === 'completed'
    })
    expect(provider.executed).toBe(1)
    expect(new Set(provider.keys).size).toBe(1)
  })

  test('several look for what is due, and one goes on with each', async () => {
    provider.otherwise = () => 'lost_answer'
    await start()
    scenes.push(await scene({ store, clock, integrations: [integrationOf(provider.url)] }))
    const results = await Promise.all(Array.from({ length: 30 }, (_, index) => one.pay({ key: `order-${index}` })))
    expect(new Set(results.map(({ type }) => type))).toEqual(new Set(['pending']))
    provider.otherwise = () => 'ok'
    await until('all are completed', async () => (await store.counts('intent'))['completed'] === 30, 10_000)
    expect(provider.executed).toBe(30)
    expect([...provider.charges.values()].every((count) => count === 1)).toBe(true)
  })

  test('an outcome is stored as soon as the store is back', async () => {
    await start()
    provider.otherwise = () => {
      store.away = true
      setTimeout(() => {
        store.away = false
      }, 200)
      return 'ok'
    }
    expect(await one.pay()).toMatchObject({ type: 'completed' })
    expect(await stateOf((await one.pay()).id)).toBe('completed')
  })
})
