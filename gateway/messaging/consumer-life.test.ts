import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { scene, status } from './test/consumer-scene.ts'

/** Keeps every request waiting until it is told the status. */
function held() {
  const waiting: ServerResponse[] = []
  const gone: ServerResponse[] = []
  return {
    waiting,
    gone,
    answer: (_req: unknown, res: ServerResponse): void => {
      waiting.push(res)
      res.on('close', () => void (res.writableFinished || gone.push(res)))
    },
    end: (code: number): void => {
      for (const res of waiting.splice(0)) res.writeHead(code).end()
    },
  }
}

describe('draining', () => {
  test('takes no more, gives back what has not begun, and lets what has begun end', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer, upstream } = await scene({ answer })
    for (let index = 0; index < 20; index += 1) broker.put({ id: `m${index}` })
    await until('five are in work', () => waiting.length === 5)
    const drained = consumer.drain(5000)
    expect(consumer.status()).toMatchObject({ state: 'draining', inFlight: 5, held: 5 })
    await until('five are given back', () => broker.settled.length === 5)
    end(204)
    await drained
    expect(broker.settled.map(({ settlement }) => settlement.outcome).sort()).toEqual([
      ...Array.from({ length: 5 }, () => 'ack'),
      ...Array.from({ length: 5 }, () => 'release'),
    ])
    expect(broker.depth).toBe(15)
    expect(upstream.seen).toHaveLength(5)
  })

  test('cuts off what does not end in time, and gives it back uncounted', async () => {
    const { waiting, gone, answer } = held()
    const { broker, consumer } = await scene({ answer })
    broker.put({ id: 'm1' })
    await until('it is in work', () => waiting.length === 1)
    await consumer.drain(20)
    expect(broker.settled).toEqual([{ id: 'm1', settlement: { outcome: 'release', delayMs: 0 } }])
    await until('the service sees the end of the connection', () => gone.length === 1)
    expect(consumer.status()).toMatchObject({ inFlight: 0, held: 0 })
  })

  test('that is called again ends within the shorter time', async () => {
    const { waiting, answer } = held()
    const { broker, consumer } = await scene({ answer })
    broker.put({ id: 'm1' })
    await until('it is in work', () => waiting.length === 1)
    const patient = consumer.drain(60_000)
    expect(consumer.drain(20)).toBe(patient)
    await patient
    expect(broker.settled).toEqual([{ id: 'm1', settlement: { outcome: 'release', delayMs: 0 } }])
  })

  test('cuts off a wait between two attempts', async () => {
    const { broker, consumer, upstream } = await scene({
      answer: status(500),
      config: { retry: { backoff: 'constant', baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, maxAttempts: 3 } },
      deps: { random: () => 0.99 },
    })
    broker.put({ id: 'm1' })
    await until('the first attempt has failed', () => consumer.status().retries === 1)
    await consumer.drain(0)
    expect(upstream.seen).toHaveLength(1)
    expect(broker.settled).toEqual([{ id: 'm1', settlement: { outcome: 'release', delayMs: 0 } }])
  })

  test('an idle or paused consumer is drained at once', async () => {
    const idle = await scene()
    await idle.consumer.drain(60_000)
    const paused = await scene({ config: { paused: true } })
    await paused.consumer.drain(60_000)
    expect(idle.consumer.status().state).toBe('draining')
  })

  test('ends although the broker does not take the settlements', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer, logged } = await scene({ answer })
    for (let index = 0; index < 10; index += 1) broker.put({ id: `m${index}` })
    await until('five are in work', () => waiting.length === 5)
    broker.available = false
    const drained = consumer.drain(5000)
    end(204)
    await drained
    expect(broker.settled).toEqual([])
    expect(logged).toHaveLength(10)
  })
})

describe('pausing', () => {
  test('begins nothing and takes nothing; what is in work ends; resuming goes on where it stopped', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer, upstream } = await scene({ answer })
    for (let index = 0; index < 30; index += 1) broker.put({ id: `m${index}` })
    await until('five are in work', () => waiting.length === 5)
    consumer.pause()
    end(204)
    await until('five are settled', () => broker.settled.length === 5)
    expect(consumer.status()).toMatchObject({ state: 'paused', inFlight: 0, held: 5 })
    expect([upstream.seen.length, broker.unsettled]).toEqual([5, 5])
    consumer.resume()
    await until('five are in work again', () => waiting.length === 5)
    expect(consumer.status()).toMatchObject({ state: 'running', inFlight: 5, held: 10 })
    await until('all are settled', () => {
      end(204)
      return broker.settled.length === 30
    })
  })

  test('a consumer that is configured so takes nothing before it is resumed', async () => {
    const { broker, consumer } = await scene({ config: { paused: true } })
    broker.put({ id: 'm1' })
    expect(consumer.status().state).toBe('paused')
    expect(broker.subscriptions).toEqual([])
    consumer.resume()
    await until('the message is settled', () => broker.settled.length === 1)
  })
})

describe('a broker that goes away', () => {
  test('a delivery that it has taken back is not tried again, and its settlement is not even asked for', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer, of, metrics } = await scene({ answer })
    broker.put({ id: 'm1' })
    await until('it is in work', () => waiting.length === 1)
    broker.lose()
    await until('its copy is in work', () => waiting.length === 2)
    waiting.shift()?.writeHead(500).end()
    await until('the first is over', () => consumer.status().inFlight === 1)
    expect([of('m1').length, broker.settled.length]).toEqual([2, 0])
    end(204)
    await until('the copy is settled', () => broker.settled.length === 1)
    expect(of('m1').map(({ headers }) => headers['headgate-delivery'])).toEqual(['1', '2'])
    expect(consumer.status()).toMatchObject({ redeliveries: 1, settled: { ack: 1, retry: 0 } })
    expect(await metrics.registry.metrics()).toContain('outcome="unsettled"} 1')
  })

  test('deliveries that were not begun are forgotten when it takes them back, however often', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer } = await scene({ answer, config: { concurrency: 1 } })
    for (let index = 0; index < 10; index += 1) broker.put({ id: `m${index}` })
    await until('one is in work', () => waiting.length === 1)
    for (let times = 0; times < 50; times += 1) broker.lose()
    expect(consumer.status().held).toBe(11)
    await until('all are settled', () => {
      end(204)
      return broker.settled.length === 10
    })
    expect(consumer.status().held).toBe(0)
  })

  test('a settlement that it does not take is logged, counted and left to it', async () => {
    const { waiting, answer, end } = held()
    const { broker, consumer, logged } = await scene({ answer })
    broker.put({ id: 'm1' })
    await until('it is in work', () => waiting.length === 1)
    broker.available = false
    end(204)
    await until('it is over', () => consumer.status().held === 0)
    expect(logged).toEqual(['warn: the delivery could not be settled; the broker will deliver the message again'])
    expect(consumer.status().settled.ack).toBe(0)
    broker.available = true
    broker.lose()
    await until('its copy is in work', () => waiting.length === 1)
    end(204)
    await until('the copy is settled', () => broker.settled.length === 1)
  })
})

describe('an open circuit', () => {
  test('stops the consumer without burning deliveries, until exactly one trial call has worked', async () => {
    const { waiting, answer, end } = held()
    let works = false
    const { broker, consumer, upstream, metrics } = await scene({
      answer: (req, res) => {
        works ||= consumer.status().breaker?.state === 'half_open'
        if (works) answer(req, res)
        else status(500)(req, res)
      },
      config: {
        circuitBreaker: { thresholdPercent: 50, resetTimeoutMs: 200, windowMs: 10_000, volume: 6 },
        retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 1, maxAttempts: 100 },
      },
    })
    for (let index = 0; index < 40; index += 1) broker.put({ id: `m${index}` })
    await until('the circuit is open', () => consumer.status().breaker?.state === 'open')
    expect(consumer.status()).toMatchObject({ state: 'slowed', breaker: { state: 'open' } })
    await until('the trial is made', () => waiting.length === 1)
    expect(consumer.status()).toMatchObject({ state: 'slowed', inFlight: 5, breaker: { state: 'half_open' } })
    const before = upstream.seen.length - 1
    expect(before).toBeLessThanOrEqual(10)
    // Longer than any of the others would wait if they did not wait for the trial.
    await until('the trial has taken its time', pause(50))
    expect(upstream.seen).toHaveLength(before + 1)
    expect(broker.depth).toBe(40)
    await until('all are settled', () => {
      end(204)
      return broker.depth === 0
    })
    expect(broker.deadLetters).toEqual([])
    expect(broker.settled.filter(({ settlement }) => settlement.outcome === 'release')).toEqual([])
    expect(consumer.status()).toMatchObject({ state: 'running', settled: { ack: 40 } })
    const text = await metrics.registry.metrics()
    expect(text).toContain('headgate_breaker_transitions_total{service="payments",to="open"} 1')
    expect(text).toContain('integration_latency_ms_count{service="payments",endpoint="/payments",status="204"} 40')
    expect(text).toContain(`integration_errors_total{service="payments",error_type="http_5xx"} ${before}`)
  })

  test('deliveries that wait for it go back when the consumer is drained', async () => {
    const { broker, consumer } = await scene({
      answer: status(500),
      config: { circuitBreaker: { thresholdPercent: 50, resetTimeoutMs: 3_600_000, windowMs: 10_000, volume: 1 } },
    })
    for (let index = 0; index < 4; index += 1) broker.put({ id: `m${index}` })
    await until('the circuit is open', () => consumer.status().breaker?.state === 'open')
    await consumer.drain(60_000)
    expect(broker.depth).toBe(4)
    expect(consumer.status().inFlight).toBe(0)
  })
})

/** Holds once so many milliseconds have passed. */
function pause(ms: number): () => boolean {
  const begunAtMs = performance.now()
  return () => performance.now() - begunAtMs >= ms
}
