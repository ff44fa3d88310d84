import { describe, expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { scene, status } from './test/consumer-scene.ts'

describe('counting', () => {
  test('3 attempts in each of 5 deliveries are exactly 15 before the message is parked', async () => {
    const { broker, upstream, of, consumer } = await scene({ answer: status(503) })
    broker.put({ id: 'm1' })
    await until('the message is parked', () => broker.deadLetters.length === 1)
    expect(upstream.seen).toHaveLength(15)
    expect(of('m1').map(({ headers }) => `${String(headers['headgate-delivery'])}.${String(headers['headgate-attempt'])}`)).toEqual(
      '1.1 1.2 1.3 2.4 2.5 2.6 3.7 3.8 3.9 4.10 4.11 4.12 5.13 5.14 5.15'.split(' '),
    )
    expect(broker.settled.map(({ settlement }) => settlement.outcome)).toEqual(['retry', 'retry', 'retry', 'retry', 'dead_letter'])
    expect(broker.deadLetters[0]).toMatchObject({
      deliveries: 5,
      attempts: 15,
      settlement: { reason: 'failed', error: { type: 'status_503', message: 'The service answered 503' } },
    })
    expect(consumer.status()).toMatchObject({
      inFlight: 0,
      held: 0,
      settled: { ack: 0, retry: 4, release: 0, dead_letter: 1 },
      retries: 10,
      redeliveries: 4,
      lastError: { type: 'status_503' },
    })
  })

  test.each([400, 401, 403, 404, 409, 410, 422, 301])('%i parks the message at once', async (code) => {
    const { broker, upstream } = await scene({ answer: status(code) })
    broker.put({ id: 'm1' })
    await until('the message is parked', () => broker.deadLetters.length === 1)
    expect(upstream.seen).toHaveLength(1)
    expect(broker.deadLetters[0]).toMatchObject({ attempts: 1, settlement: { reason: 'rejected', error: { type: `status_${code}` } } })
  })

  test.each([408, 425, 429, 500, 502, 503, 504])('%i is tried again', async (code) => {
    let left = 2
    const { broker, upstream } = await scene({
      answer: (_req, res) => {
        left -= 1
        res.writeHead(left >= 0 ? code : 200).end()
      },
    })
    broker.put({ id: 'm1' })
    await until('the message is settled', () => broker.settled.length === 1)
    expect(upstream.seen).toHaveLength(3)
    expect(broker.settled[0]?.settlement).toEqual({ outcome: 'ack' })
  })
})

describe('limits', () => {
  test('no more than `concurrency` are handled and `prefetch` held at the same time', async () => {
    let running = 0
    let most = 0
    const { broker, consumer } = await scene({
      answer: (_req, res) => {
        running += 1
        most = Math.max(most, running)
        setTimeout(() => {
          running -= 1
          res.writeHead(204).end()
        }, 2)
      },
    })
    for (let index = 0; index < 100; index += 1) broker.put({ id: `m${index}` })
    await until('all are settled', () => broker.settled.length === 100)
    expect(most).toBe(5)
    expect(broker.mostUnsettled).toBe(10)
    expect(consumer.status()).toMatchObject({ inFlight: 0, held: 0, settled: { ack: 100 } })
  })

  test('a process whose share is nothing takes nothing', async () => {
    const { broker, consumer } = await scene({ config: { prefetch: 1, concurrency: 1 }, deps: { share: { index: 1, count: 2 } } })
    expect(broker.subscriptions).toEqual([])
    consumer.pause()
    consumer.resume()
    expect(broker.subscriptions).toEqual([])
  })

  test('an attempt that takes longer than `timeout` has failed', async () => {
    let answers = 0
    const { broker, upstream } = await scene({
      config: { timeoutMs: 50, retry: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 2 } },
      answer: (_req, res) => {
        answers += 1
        if (answers > 1) res.writeHead(204).end()
      },
    })
    broker.put({ id: 'm1' })
    await until('the message is settled', () => broker.settled.length === 1)
    expect(upstream.seen).toHaveLength(2)
    expect(broker.settled[0]?.settlement).toEqual({ outcome: 'ack' })
  })
})

describe('poison', () => {
  test('one message of ten that never works does not make the other nine come twice', async () => {
    const { broker, of } = await scene({ answer: (_req, res, { headers }) => void res.writeHead(headers['ce-id'] === 'm3' ? 500 : 204).end() })
    const ids = Array.from({ length: 10 }, (_, index) => `m${index}`)
    for (const id of ids) broker.put({ id })
    await until('the poison is parked', () => broker.deadLetters.length === 1)
    await until('all others are settled', () => broker.depth === 0)
    expect(ids.map((id) => of(id).length)).toEqual([1, 1, 1, 15, 1, 1, 1, 1, 1, 1])
    expect(broker.deadLetters[0]?.id).toBe('m3')
  })

  test('an empty body, bytes that are no text and one that breaks off are handed over as they are', async () => {
    const { broker, of } = await scene()
    const bodies = { empty: Buffer.alloc(0), binary: Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, 0x80]), cut: Buffer.from('{"a":') }
    for (const [id, body] of Object.entries(bodies)) broker.put({ id, body, contentType: undefined })
    await until('all are settled', () => broker.settled.length === 3)
    for (const [id, body] of Object.entries(bodies)) {
      expect(Buffer.from(of(id)[0]?.body ?? '', 'latin1')).toEqual(body)
      expect(of(id)[0]?.headers['content-length']).toBe(String(body.length))
    }
  })

  test('a message with more headers than a server takes is parked without an attempt, and the next one is handled', async () => {
    const { broker, upstream } = await scene()
    const headers = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`x-${index}`, 'a']))
    broker.put({ id: 'many', headers })
    broker.put({ id: 'large', headers: { 'x-large': 'a'.repeat(40_000) } })
    broker.put({ id: 'fine' })
    await until('all are settled', () => broker.settled.length === 3)
    expect(upstream.seen).toHaveLength(1)
    expect(broker.deadLetters).toMatchObject([
      { id: 'many', attempts: 0, settlement: { reason: 'invalid', error: { type: 'headers_too_large' } } },
      { id: 'large', attempts: 0, settlement: { reason: 'invalid', error: { type: 'headers_too_large' } } },
    ])
  })

  test('a message that was often released is handled like any other', async () => {
    const { broker } = await scene()
    broker.put({ id: 'm1' }, { deliveries: 500, failures: 0 })
    await until('the message is settled', () => broker.settled.length === 1)
    expect(broker.settled[0]?.settlement).toEqual({ outcome: 'ack' })
  })

  test('a queue that keeps no dead letters discards, with an error in the log and a count', async () => {
    const { broker, logged, metrics } = await scene({ answer: status(400), queue: { deadLetter: false } })
    broker.put({ id: 'm1' })
    await until('the message is settled', () => broker.settled.length === 1)
    await until('it is logged', () => logged.length > 0)
    expect(logged).toEqual(['error: the message is discarded: its queue keeps no dead letters'])
    expect(await metrics.registry.metrics()).toContain(
      'headgate_dead_letters_total{consumer="payment_processor",queue="payment.process",reason="discarded"} 1',
    )
  })
})
