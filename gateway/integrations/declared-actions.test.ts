import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { memoryStore } from './test/memory-store.ts'
import type { MemoryStore } from './test/memory-store.ts'
import { startProvider } from './test/provider.ts'
import type { TestProvider } from './test/provider.ts'
import { integrationOf, modeOf, scene, statusMode } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

let provider: TestProvider
let store: MemoryStore
let one: Scene

beforeEach(async () => {
  provider = await startProvider()
  store = memoryStore(Date.now)
})

afterEach(async () => {
  await one.drain(2000)
  await one.close()
  await provider.close()
})

const start = async (change: Parameters<typeof integrationOf>[1]): Promise<void> => {
  one = await scene({ store, integrations: [integrationOf(provider.url, change)] })
}

describe('actions', () => {
  test('skip drops the intent, which counts as done', async () => {
    await start({ modes: [modeOf({ code: 'card_declined' }, 'skip')] })
    provider.script('declined', 'declined')
    expect(await one.pay()).toMatchObject({ type: 'skipped', mode: 'skip', status: 200, replayed: false })
    expect(await one.pay()).toMatchObject({ type: 'skipped', replayed: true })
    expect(await one.pay({ key: 'order-2', from: 'delivery' })).toMatchObject({ type: 'skipped' })
  })

  test('notify tells somebody, and the caller that it failed', async () => {
    await start({ modes: [modeOf({ kind: 'rejected' }, 'notify', { alert: 'admins' })], criticality: 'critical' })
    provider.script('declined')
    expect(await one.pay()).toMatchObject({ type: 'failed', status: 422, mode: 'notify' })
    expect(one.alerts).toMatchObject([
      { channel: 'admins', severity: 'critical', fields: { integration: 'payment', operation: 'pay', code: 'card_declined' } },
    ])
  })

  test('use_default_template tries once more with the other template', async () => {
    await start({ modes: [statusMode(422, 'use_default_template', { template: 'plain' })] })
    provider.script(422)
    expect(await one.pay({ input: { amount: 1, template: 'fancy' } })).toMatchObject({ type: 'completed' })
    expect(provider.keys).toHaveLength(2)
    provider.script(422, 422)
    expect(await one.pay({ key: 'order-2', input: { amount: 1, template: 'fancy' } })).toMatchObject({ type: 'failed', status: 422 })
    expect(provider.keys).toHaveLength(4)
  })

  test('use_local_session answers from what is known', async () => {
    await start({ modes: [statusMode(503, 'use_local_session')] })
    await provider.down()
    expect(await one.pay({ operation: 'read', key: undefined })).toMatchObject({ type: 'completed', output: { id: 'remembered' }, by: 'local' })
    expect(await one.pay({ operation: 'pay' })).toMatchObject({ type: 'failed' })
    await provider.up()
  })

  test('manual_review waits for a person, whose word is the end', async () => {
    await start({ modes: [modeOf({ kind: 'rejected' }, 'manual_review')] })
    provider.script('declined', 'declined', 'declined')
    const ids = []
    for (const key of ['a', 'b', 'c']) {
      const result = await one.pay({ key })
      expect(result).toMatchObject({ type: 'pending', status: 202, mode: 'manual_review' })
      ids.push(result.id)
    }
    const [a = '', b = '', c = ''] = ids
    expect((await one.intents.list({ state: 'review', limit: 10 })).intents.map(({ id }) => id).sort()).toEqual([...ids].sort())
    expect(one.alerts).toHaveLength(3)
    expect(await one.intents.settle(a, 'completed')).toMatchObject({ state: 'completed' })
    expect(await one.intents.settle(b, 'failed')).toMatchObject({ state: 'failed' })
    expect(await one.intents.settle(a, 'failed')).toBeUndefined()
    expect(await one.pay({ key: 'a' })).toMatchObject({ type: 'completed', replayed: true })
    expect(await one.pay({ key: 'b' })).toMatchObject({ type: 'failed', replayed: true })
    expect(provider.executed).toBe(0)
    // The provider keeps the refusal under its key: done again, it is refused again.
    await one.intents.settle(c, 'retry')
    await until('it is in review again', async () => provider.keys.length === 4 && (await one.intents.show(c))?.state === 'review')
  })

  test('the first mode that fits counts', async () => {
    await start({
      modes: [statusMode(502, 'skip'), modeOf({ status: [{ from: 500, to: 599 }] }, 'notify'), modeOf({ kind: 'provider_error' }, 'log_and_alert')],
    })
    provider.otherwise = () => 504
    expect(await one.pay({ operation: 'send_with_key' })).toMatchObject({ mode: 'notify' })
  })

  test('are counted by their names', async () => {
    await start({ modes: [modeOf({ kind: 'rejected' }, 'skip', { name: 'declined_card' })] })
    provider.script('declined')
    await one.pay()
    const text = await one.metrics.text()
    expect(text).toContain('headgate_failure_modes_total{integration="payment",mode="declined_card"} 1')
    expect(text).toContain('integration_errors_total{service="payment",error_type="rejected"} 1')
    expect(text).toMatch(/integration_latency_ms_count\{service="payment",endpoint="pay",status="402"\} 1/)
  })
})

describe('bounds', () => {
  const breaker = { thresholdPercent: 50, resetTimeoutMs: 60_000, windowMs: 10_000, volume: 3 }

  test('an open circuit sends nothing, and looks like a provider that is down', async () => {
    await start({ circuitBreaker: breaker, modes: [statusMode(503, 'queue')] })
    provider.script(500, 500, 500)
    await one.pay({ key: 'a', operation: 'send_with_key' })
    expect(one.breakers()).toEqual([{ service: 'payment', state: 'open' }])
    expect(await one.pay({ key: 'b' })).toMatchObject({ type: 'pending', mode: 'queue' })
    expect(await one.pay({ key: 'c', from: 'delivery' })).toMatchObject({ type: 'wait', counted: false, failure: { kind: 'circuit_open' } })
    expect(provider.keys).toHaveLength(3)
  })

  test('refusals and 429 do not open the circuit', async () => {
    await start({ circuitBreaker: breaker })
    provider.otherwise = () => 429
    for (let index = 0; index < 5; index += 1) await one.pay({ key: `order-${index}` })
    provider.otherwise = () => 'declined'
    for (let index = 5; index < 10; index += 1) await one.pay({ key: `order-${index}` })
    expect(one.breakers()).toEqual([{ service: 'payment', state: 'closed' }])
  })

  test('an adapter that never ends keeps its slot and nothing else', async () => {
    await start({ maxConcurrent: 2, operation: { timeoutMs: 50 }, retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 1, maxAttempts: 1 } })
    await one.drain(100)
    const first = await Promise.all([one.pay({ operation: 'stuck', key: 'a' }), one.pay({ operation: 'stuck', key: 'b' })])
    expect(first).toMatchObject([{ type: 'pending' }, { type: 'pending' }])
    expect(one.status()).toMatchObject([{ inFlight: 2 }])
    expect(await one.pay({ key: 'c' })).toMatchObject({ type: 'failed', status: 503, failure: { kind: 'overloaded', executed: 'no' } })
    expect(provider.keys).toEqual([])
  })

  test('an adapter that throws harms its own calls only', async () => {
    await start({})
    expect(await one.pay({ operation: 'broken' })).toMatchObject({ type: 'pending' })
    expect(await one.pay()).toMatchObject({ type: 'completed' })
  })

  test('our own rate limit is no fault of the provider', async () => {
    const limiter = { take: () => Promise.resolve({ granted: false as const, retryAfterMs: 1234 }) }
    const limited = integrationOf(provider.url, { rateLimit: { limit: 1, windowMs: 1000 }, circuitBreaker: { ...breaker, volume: 1 } })
    one = await scene({ store, limiter, integrations: [limited] })
    expect(await one.pay()).toMatchObject({ type: 'failed', failure: { kind: 'rate_limited', executed: 'no', retryAfterMs: 1234 } })
    expect(await one.pay({ key: 'b', from: 'delivery' })).toMatchObject({ type: 'wait', counted: false, delayMs: 1234 })
    expect(one.breakers()).toMatchObject([{ state: 'closed' }])
    expect(provider.keys).toEqual([])
  })

  test('calls of a batch share one slot, and each has its own outcome', async () => {
    await start({ maxConcurrent: 1, operation: { batch: { size: 3, maxWaitMs: 5000 } } })
    provider.script('ok', 'declined', 'ok')
    const results = await Promise.all(['a', 'b', 'c'].map((key) => one.pay({ operation: 'send', key })))
    expect(results.map(({ type }) => type).sort()).toEqual(['completed', 'completed', 'failed'])
    expect(provider.executed).toBe(2)
  })

  test('a batch is sent as it is when the end is near', async () => {
    await start({ operation: { timeoutMs: 60_000, batch: { size: 3, maxWaitMs: 60_000 } } })
    const waiting = one.pay({ operation: 'send', key: 'a' })
    await until('it waits', () => store.records.size === 1)
    one.hurry()
    expect(await waiting).toMatchObject({ type: 'completed' })
    expect(await one.pay({ operation: 'send', key: 'b' })).toMatchObject({ type: 'completed' })
  })

  test('a deadline that has passed sends nothing', async () => {
    await start({})
    expect(await one.pay({ deadlineAtMs: performance.now() - 1 })).toMatchObject({
      type: 'failed',
      status: 504,
      failure: { kind: 'timeout', executed: 'no' },
    })
    expect(provider.keys).toEqual([])
  })
})

describe('credentials', () => {
  test('are not stored, whatever happens, and their calls take no key', async () => {
    await start({ modes: [statusMode(503, 'queue'), modeOf({ kind: 'rejected' }, 'manual_review')], operation: { idempotency: 'required' } })
    expect(await one.pay({ operation: 'sign_in' })).toMatchObject({ type: 'completed', replayed: false })
    expect(await one.pay({ operation: 'sign_in' })).toMatchObject({ type: 'completed', replayed: false })
    provider.script(503, 503, 503, 402)
    expect(await one.pay({ operation: 'sign_in', key: undefined })).toMatchObject({ type: 'failed', status: 503 })
    expect(await one.pay({ operation: 'sign_in', key: undefined })).toMatchObject({ type: 'failed', status: 422 })
    expect(store.records.size).toBe(0)
    expect(one.messages).toEqual([])
  })
})

describe('callers that go away', () => {
  test('leave a payment under way, whose outcome is stored', async () => {
    await start({})
    const gone = new AbortController()
    provider.otherwise = () => {
      gone.abort()
      return 'ok'
    }
    await one.pay({ signal: gone.signal })
    expect(await one.pay()).toMatchObject({ type: 'completed', replayed: true })
  })

  test('leave a payment that gets no answer to be found out', async () => {
    await start({ operation: { timeoutMs: 100 }, retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 1, maxAttempts: 1 } })
    const gone = new AbortController()
    provider.script('silent')
    setTimeout(() => gone.abort(), 20)
    const result = await one.pay({ signal: gone.signal })
    expect(result).toMatchObject({ type: 'pending' })
    await until('it is completed', async () => (await one.operations.status(result.id))?.state === 'completed')
    expect(provider.executed).toBe(1)
  })

  test('break off a question', async () => {
    await start({})
    const gone = new AbortController()
    provider.otherwise = () => {
      gone.abort()
      return 'silent'
    }
    await expect(one.pay({ operation: 'read', key: undefined, signal: gone.signal })).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    await expect(one.pay({ operation: 'read', signal: gone.signal })).rejects.toMatchObject({ code: 'CLIENT_GONE' })
    provider.otherwise = () => 'ok'
    expect(await one.pay({ operation: 'read' })).toMatchObject({ type: 'completed', replayed: false })
  })
})

describe('a message', () => {
  test('counts failures that nobody foresaw', async () => {
    await start({})
    provider.script(500)
    expect(await one.pay({ from: 'delivery' })).toMatchObject({ type: 'wait', counted: true, mode: undefined })
    expect(provider.keys).toHaveLength(1)
  })

  test('comes back after the reconciler has done its work, and finds it done', async () => {
    await start({})
    provider.script('lost_answer')
    const result = await one.pay({ from: 'delivery' })
    expect(result).toMatchObject({ type: 'wait', counted: true })
    await until('it is completed', async () => (await one.operations.status(result.id))?.state === 'completed')
    expect(await one.pay({ from: 'delivery' })).toMatchObject({ type: 'completed', replayed: true })
    expect(provider.executed).toBe(1)
  })

  test('of an intent that nobody knows goes on with nothing', async () => {
    await start({})
    expect(await one.operations.resume('int_unknown', 'delivery')).toBeUndefined()
  })
})

describe('a reload', () => {
  test('keeps adapters whose settings are the same, and lets calls of the others end', async () => {
    await start({ circuitBreaker: { thresholdPercent: 50, resetTimeoutMs: 60_000, windowMs: 10_000, volume: 1 } })
    provider.script(500)
    await one.pay({ operation: 'send_with_key' })
    const config = integrationOf(provider.url, { circuitBreaker: { thresholdPercent: 50, resetTimeoutMs: 60_000, windowMs: 10_000, volume: 1 } })
    await one.apply([config])
    expect(one.breakers()).toMatchObject([{ state: 'open' }])
    await one.apply([{ ...config, timeoutMs: 2000 }])
    expect(one.breakers()).toMatchObject([{ state: 'closed' }])
    expect(await one.pay({ key: 'b' })).toMatchObject({ type: 'completed' })
  })

  test('with an adapter that cannot be created changes nothing', async () => {
    await start({})
    await expect(one.apply([integrationOf(provider.url, { plugin: 'nobody' })])).rejects.toThrow('gateway.yaml:1:1: there is no adapter nobody')
    expect(await one.pay()).toMatchObject({ type: 'completed' })
  })
})
