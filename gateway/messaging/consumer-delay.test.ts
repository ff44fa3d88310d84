import { expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { scene, status } from './test/consumer-scene.ts'

const nowMs = Date.parse('2026-11-22T12:00:00Z')

/** The delay with which a message comes back whose attempts were answered so, and how many there were. */
async function delayAfter(retryAfter: string): Promise<{ attempts: number; delayMs: number }> {
  const { broker, upstream, consumer } = await scene({
    answer: status(429, { 'retry-after': retryAfter }),
    config: {
      retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 4, maxAttempts: 3 },
      redelivery: { backoff: 'constant', baseDelayMs: 1000, maxDelayMs: 1000, deadLetterAfter: 5 },
    },
    deps: { epochNow: () => nowMs, random: () => 0.5 },
  })
  broker.put({ id: 'm1' })
  await until('the message goes back', () => broker.settled.length === 1)
  const attempts = upstream.seen.length
  await consumer.drain(0)
  const { settlement } = broker.settled[0] ?? {}
  if (settlement?.outcome !== 'retry') throw new Error(`settled as ${settlement?.outcome}`)
  return { attempts, delayMs: settlement.delayMs }
}

test('a target that asks for a longer wait than the retries allow gets the message back after it, without more attempts', async () => {
  expect(await delayAfter('7')).toEqual({ attempts: 1, delayMs: 7000 })
  expect(await delayAfter('Sun, 22 Nov 2026 12:00:30 GMT')).toEqual({ attempts: 1, delayMs: 30_000 })
})

test('no target keeps a message away for more than an hour', async () => {
  expect(await delayAfter('86400')).toEqual({ attempts: 1, delayMs: 3_600_000 })
  expect(await delayAfter('999999999999')).toEqual({ attempts: 1, delayMs: 3_600_000 })
  expect(await delayAfter('Fri, 31 Dec 9999 23:59:59 GMT')).toEqual({ attempts: 1, delayMs: 3_600_000 })
})

test.each(['soon', '-5', '1.5', '', '0x10', '9'.repeat(400), 'Sun, 99 Nov 2026 12:00:30 GMT', 'Sun, 22 Nov 2020 12:00:30 GMT', '0'])(
  'a wait of %j is none: the own backoff counts',
  async (retryAfter) => {
    expect(await delayAfter(retryAfter)).toEqual({ attempts: 3, delayMs: 500 })
  },
)

test('a wait that the retries allow is kept between two attempts', async () => {
  const at: number[] = []
  const { broker } = await scene({
    answer: (_req, res) => {
      at.push(performance.now())
      if (at.length === 1) res.writeHead(503, { 'retry-after': '1' }).end()
      else res.writeHead(204).end()
    },
    config: { retry: { backoff: 'constant', baseDelayMs: 1, maxDelayMs: 1500, maxAttempts: 3 } },
  })
  broker.put({ id: 'm1' })
  await until('the message is settled', () => broker.settled.length === 1)
  expect(broker.settled[0]?.settlement).toEqual({ outcome: 'ack' })
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990)
})

test('the wait between deliveries grows with their failures', async () => {
  const { broker } = await scene({
    answer: status(500),
    config: {
      retry: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 1 },
      redelivery: { backoff: 'exponential', baseDelayMs: 8, maxDelayMs: 32, deadLetterAfter: 6 },
    },
    deps: { random: () => 0.5 },
  })
  broker.put({ id: 'm1' })
  await until('the message is parked', () => broker.deadLetters.length === 1)
  expect(broker.settled.flatMap(({ settlement }) => ('delayMs' in settlement ? [settlement.delayMs] : []))).toEqual([4, 8, 16, 16, 16])
})
