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
