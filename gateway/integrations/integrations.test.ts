import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { GatewayError } from '../errors.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import type { TestProvider } from './test/provider.ts'
import { integrationOf, modeOf, scene, statusMode } from './test/scene.ts'
import type { Scene, SceneOptions } from './test/scene.ts'

let provider: TestProvider
let store: MemoryStore
let clock: { offsetMs: number }
let one: Scene

beforeEach(async () => {
  provider = await startProvider()
  clock = { offsetMs: 0 }
  store = memoryStore(() => Date.now() + clock.offsetMs)
})

afterEach(async () => {
  await one.drain(2000)
  await one.close()
  await provider.close()
})

const start = async (change: Parameters<typeof integrationOf>[1] = {}, options: Partial<SceneOptions> = {}): Promise<void> => {
  one = await scene({ store, clock, integrations: [integrationOf(provider.url, change)], ...options })
}

/** How the intent of the first payment ended. */
const endOf = async (id: string): Promise<string | undefined> => (await one.operations.status(id))?.state

describe('an intent', () => {
  test('is done once, and answered from the record when its key comes again', async () => {
    await start()
    const first = await one.pay()
    const second = await one.pay()
    expect(first).toMatchObject({ type: 'completed', output: { id: 'ch_1' }, replayed: false, by: 'payment' })
    expect(second).toMatchObject({ type: 'completed', output: { id: 'ch_1' }, replayed: true })
    expect(provider.executed).toBe(1)
  })

  test('keeps neither the input once it has ended, nor the key of the caller', async () => {
    await start()
    await one.pay({ key: 'customer-4711', input: { amount: 4242 } })
    const [record] = store.records.values()
    expect(record?.value).not.toContain('4242')
    expect(record?.value).not.toContain('4711')
    expect(provider.keys[0]).toMatch(/^hg_[\w-]{43}$/)
  })

  test('is another one for another scope, and for another operation', async () => {
    await start()
    await one.pay()
    await one.pay({ scope: 'another route' })
    await one.pay({ operation: 'pay_and_ask' })
    expect(provider.executed).toBe(3)
  })

  test('is refused when its key comes with another input', async () => {
    await start()
    await one.pay()
    await expect(one.pay({ input: { amount: 999 } })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    await expect(one.pay({ input: { currency: 'usd', amount: 100 } })).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' })
    expect(provider.executed).toBe(1)
  })

  test('is worked on by one of many that come at the same time', async () => {
    await start()
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => one.pay()))
    const done = all.filter((each) => each.status === 'fulfilled')
    expect(done.length).toBeGreaterThan(0)
    for (const each of all) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' })
    expect(provider.executed).toBe(1)
  })

  test('needs a key where one is required', async () => {
    await start({ operation: { idempotency: 'required' } })
    await expect(one.pay({ key: undefined })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_MISSING' })
  })

  test('is refused before anything is stored when its input does not fit', async () => {
    await start()
    await expect(one.pay({ input: { amount: 'secret' } })).rejects.toMatchObject({
      code: 'OPERATION_INPUT_INVALID',
      detail: 'The input does not fit the operation: /amount must be integer.',
    })
    expect(store.records.size).toBe(0)
  })

  test('is not begun while the store is away', async () => {
    await start()
    store.away = true
    await expect(one.pay()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    expect(provider.keys).toEqual([])
    store.away = false
  })

  test('needs no record when it only reads and has no key', async () => {
    await start()
    store.away = true
    expect(await one.pay({ operation: 'read', key: undefined })).toMatchObject({ type: 'completed' })
    store.away = false
  })

  test('is forgotten when its time is over, and not before', async () => {
    await start({ idempotencyTtlMs: 60_000 })
    await one.pay()
    clock.offsetMs = 59_000
    expect(await one.pay()).toMatchObject({ replayed: true })
    clock.offsetMs = 61_000
    expect(await one.pay()).toMatchObject({ replayed: false })
  })
})

describe('failures without a failure mode', () => {
  test('that may pass are tried again in place, with the same key', async () => {
    provider.script(500, 'lost_request')
    await start()
    expect(await one.pay()).toMatchObject({ type: 'completed' })
    expect(provider.keys).toHaveLength(3)
    expect(new Set(provider.keys).size).toBe(1)
  })

  test('that are definite are told, and told again for the same key', async () => {
    provider.script('declined')
    await start()
    const told = { type: 'failed', status: 422, failure: { kind: 'rejected', code: 'card_declined', executed: 'no' } }
    expect(await one.pay()).toMatchObject({ ...told, replayed: false })
    expect(await one.pay()).toMatchObject({ ...told, replayed: true })
    expect(provider.keys).toHaveLength(1)
  })

  test('that were not executed and may pass are not kept as the answer', async () => {
    provider.script(503, 503, 503)
    await start()
    expect(await one.pay()).toMatchObject({ type: 'failed', status: 503, failure: { kind: 'service_down', executed: 'no' } })
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: false })
    expect(provider.executed).toBe(1)
  })

  test('after a lost answer leave a payment pending, which goes on by itself', async () => {
    provider.script('lost_answer', 'lost_request', 'lost_request', 'lost_request')
    await start()
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending', status: 202, tell: undefined })
    await until('it is completed', async () => (await endOf(result.id)) === 'completed')
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: true })
    expect(provider.executed).toBe(1)
  })

  test('stay unknown when a later attempt cannot even be sent', async () => {
    await start()
    provider.script('lost_answer')
    provider.otherwise = () => 503
    const result = await one.pay()
    // 503 says that this attempt did nothing, and nothing of the one before.
    expect(result).toMatchObject({ type: 'pending' })
    provider.otherwise = () => 'ok'
    await until('it is completed', async () => (await endOf(result.id)) === 'completed')
    expect(provider.executed).toBe(1)
  })

  test('are 429 with Retry-After: waited for where it fits into the deadline', async () => {
    provider.script({ status: 429, retryAfter: '1' })
    await start()
    const deadlineAtMs = performance.now() + 5000
    expect(await one.pay({ deadlineAtMs })).toMatchObject({ type: 'completed' })
    provider.script({ status: 429, retryAfter: '60' })
    expect(await one.pay({ key: 'order-2', deadlineAtMs })).toMatchObject({
      type: 'failed',
      status: 503,
      failure: { kind: 'rate_limited', retryAfterMs: 60_000 },
    })
  })

  test('of an operation that cannot be repeated are never repeated once it may have been sent', async () => {
    provider.script('lost_answer')
    await start()
    const result = await one.pay({ operation: 'pay_once' })
    expect(result).toMatchObject({ type: 'pending' })
    expect(await endOf(result.id)).toBe('review')
    expect(one.alerts).toHaveLength(1)
    provider.script('lost_answer')
    expect(await one.pay({ operation: 'send' })).toMatchObject({ type: 'failed', failure: { executed: 'unknown' } })
    expect(await one.pay({ operation: 'send' })).toMatchObject({ type: 'failed', replayed: true })
    expect(provider.keys).toHaveLength(2)
  })

  test('of an operation that cannot be repeated are repeated when nothing was sent', async () => {
    provider.script(503, 503)
    await start()
    expect(await one.pay({ operation: 'pay_once' })).toMatchObject({ type: 'completed' })
  })
})

describe('queue', () => {
  test('stores the intent, puts a note without personal data into the queue, and goes on by its message', async () => {
    const tell = [{ language: 'en', text: 'Processing payment...' }]
    await start({ modes: [statusMode(503, 'queue', { tell })] })
    provider.script(503, 503, 503)
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending', status: 202, mode: 'queue', tell, replayed: false })
    expect(await one.pay()).toMatchObject({ type: 'pending', tell, replayed: true })
    const [sent] = one.messages
    expect(sent?.to).toBe('payment.process')
    expect(sent?.message).toMatchObject({ id: result.id, headers: { 'headgate-intent': result.id } })
    expect(String(sent?.message.body)).not.toContain('100')
    expect(await one.operations.resume(result.id, 'delivery')).toMatchObject({ type: 'completed' })
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: true })
    expect(provider.executed).toBe(1)
  })

  test('takes a provider whose door is closed for one that is down', async () => {
    await start({ modes: [statusMode(503, 'queue')] })
    await provider.down()
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending', mode: 'queue' })
    await provider.up()
    expect(await one.operations.resume(result.id, 'delivery')).toMatchObject({ type: 'completed' })
  })

  test('promises nothing when the message cannot be published', async () => {
    await start({ modes: [statusMode(503, 'queue')] }, { publish: () => Promise.reject(new GatewayError('BROKER_UNAVAILABLE')) })
    provider.script(503, 503, 503)
    expect(await one.pay()).toMatchObject({ type: 'failed', status: 503 })
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: false })
  })

  test('goes on by itself when the process died before it could publish', async () => {
    const never = Promise.withResolvers<void>()
    await start({ modes: [statusMode(503, 'queue')] }, { publish: () => never.promise })
    provider.script(503, 503, 503)
    const waiting = one.pay()
    await until('it is stored', () => [...store.records.values()][0]?.state === 'queued')
    clock.offsetMs = 61_000
    await until('it is completed', () => [...store.records.values()][0]?.state === 'completed')
    never.resolve()
    expect(await waiting).toMatchObject({ type: 'pending' })
    expect(provider.executed).toBe(1)
  })

  test('sends a delivery away without counting it while the provider is down', async () => {
    await start({ modes: [statusMode(503, 'queue')] })
    provider.script(503)
    const result = await one.pay({ from: 'delivery' })
    expect(result).toMatchObject({ type: 'wait', counted: false, mode: 'queue' })
    expect(provider.keys).toHaveLength(1)
  })

  test('waits for as long as the provider asks', async () => {
    await start({ modes: [statusMode(429, 'back_off_and_queue', { delayMs: 1000 })] })
    provider.script({ status: 429, retryAfter: '30' })
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending', status: 202, retryAfterMs: 30_000 })
    expect(await one.operations.resume(result.id, 'delivery')).toMatchObject({ type: 'wait', counted: false })
    expect(provider.keys).toHaveLength(1)
    clock.offsetMs = 30_000
    expect(await one.operations.resume(result.id, 'delivery')).toMatchObject({ type: 'completed' })
  })
})

describe('other actions', () => {
  test('idempotent_retry repeats with the same key in the background', async () => {
    await start({ modes: [modeOf({ kind: 'network_error' }, 'idempotent_retry')] })
    provider.script('lost_answer', 'lost_request', 'lost_request')
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'pending', status: 202, mode: 'idempotent_retry' })
    await until('it is completed', async () => (await endOf(result.id)) === 'completed')
    expect(provider.executed).toBe(1)
    expect(new Set(provider.keys).size).toBe(1)
  })

  test('log_and_alert tells of a failure, and still finds out about a payment', async () => {
    await start({
      modes: [modeOf({ kind: 'invalid_response' }, 'log_and_alert', { tell: [{ language: 'en', text: 'Technical issue' }], alert: 'ops' })],
    })
    provider.script('garbage')
    const result = await one.pay()
    expect(result).toMatchObject({ type: 'failed', status: 502, tell: [{ text: 'Technical issue' }], failure: { executed: 'unknown' } })
    expect(one.alerts).toMatchObject([{ channel: 'ops', about: 'payment.pay/log_and_alert' }])
    await until('it is completed', async () => (await endOf(result.id)) === 'completed')
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: true })
    expect(provider.executed).toBe(1)
  })
})
