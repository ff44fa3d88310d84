import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { until } from '../../test/kit/until.ts'
import { scene } from './test/consumer-scene.ts'
import type { SeenRequest } from '../../test/kit/upstream.ts'

const orderBy = { header: 'account' }
const idOf = ({ headers }: SeenRequest): string => String(headers['ce-id'])

/** Answers requests of the named messages with 500 so many times, all others with 204; notes when they begin and end. */
function failing(times: Record<string, number>) {
  const log: string[] = []
  const answer = (_req: unknown, res: ServerResponse, seen: SeenRequest): void => {
    const id = idOf(seen)
    log.push(`${id} begins`)
    setImmediate(() => {
      const left = times[id] ?? 0
      times[id] = left - 1
      log.push(`${id} ${left > 0 ? 'fails' : 'works'}`)
      res.writeHead(left > 0 ? 500 : 204).end()
    })
  }
  return { log, answer }
}

test('messages of one key are handled one at a time in their order, others beside them', async () => {
  const { log, answer } = failing({})
  const { broker } = await scene({ answer, config: { orderBy, prefetch: 100, concurrency: 8 } })
  const ids = Array.from({ length: 60 }, (_, index) => ({ id: `m${index}`, account: `a${index % 3}` }))
  for (const { id, account } of ids) broker.put({ id, headers: { account } })
  await until('all are settled', () => broker.settled.length === 60)
  for (const account of ['a0', 'a1', 'a2']) {
    const own = ids.filter((one) => one.account === account).map(({ id }) => id)
    expect(log.filter((line) => own.includes(line.split(' ')[0] ?? ''))).toEqual(own.flatMap((id) => [`${id} begins`, `${id} works`]))
  }
  expect(broker.subscriptions).toMatchObject([{ exclusive: true, prefetch: 100 }])
})

test('a message that fails is tried again in its place; later ones of its key wait, other keys go on', async () => {
  const { log, answer } = failing({ a1: 7 })
  const { broker, consumer } = await scene({ answer, config: { orderBy, concurrency: 1 } })
  broker.put({ id: 'a1', headers: { account: 'a' } })
  broker.put({ id: 'a2', headers: { account: 'a' } })
  broker.put({ id: 'b1', headers: { account: 'b' } })
  await until('all are settled', () => broker.settled.length === 3)
  const works = log.filter((line) => line.endsWith('works'))
  expect(works.indexOf('b1 works')).toBeLessThan(works.indexOf('a1 works'))
  expect(works.indexOf('a1 works')).toBeLessThan(works.indexOf('a2 works'))
  expect(log.indexOf('a2 begins')).toBeGreaterThan(log.indexOf('a1 works'))
  expect(log.filter((line) => line === 'a1 begins')).toHaveLength(8)
  expect(broker.settled.map(({ settlement }) => settlement.outcome)).toEqual(['ack', 'ack', 'ack'])
  expect(consumer.status()).toMatchObject({ redeliveries: 2, held: 0 })
})

test('with an order too, 3 attempts in 5 deliveries are exactly 15, and then the next of the key has its turn', async () => {
  const { answer } = failing({ a1: 1000 })
  const { broker, of } = await scene({ answer, config: { orderBy } })
  broker.put({ id: 'a1', headers: { account: 'a' } })
  broker.put({ id: 'a2', headers: { account: 'a' } })
  await until('all are settled', () => broker.settled.length === 2)
  expect(of('a1').map(({ headers }) => `${String(headers['headgate-delivery'])}.${String(headers['headgate-attempt'])}`)).toEqual(
    '1.1 1.2 1.3 2.4 2.5 2.6 3.7 3.8 3.9 4.10 4.11 4.12 5.13 5.14 5.15'.split(' '),
  )
  expect(broker.settled).toMatchObject([
    { id: 'a1', settlement: { outcome: 'dead_letter', reason: 'failed', attempts: 15 } },
    { id: 'a2', settlement: { outcome: 'ack' } },
  ])
})

test('failures of earlier deliveries that the broker knows of count with those in place', async () => {
  const { answer } = failing({ a1: 1000 })
  const { broker, of } = await scene({ answer, config: { orderBy } })
  broker.put({ id: 'a1', headers: { account: 'a' } }, { deliveries: 3, failures: 3 })
  await until('the message is parked', () => broker.deadLetters.length === 1)
  expect(of('a1')).toHaveLength(6)
})

test('the key of the message counts before what its body says; messages without one have no order', async () => {
  const answers: (() => void)[] = []
  const { broker, upstream } = await scene({
    answer: (_req, res) => void answers.push(() => void res.writeHead(204).end()),
    config: { orderBy: { body: ['account', 'id'] } },
  })
  const body = (account: unknown): Buffer => Buffer.from(JSON.stringify({ account: { id: account } }))
  broker.put({ id: 'm1', key: 'k', body: body(1) })
  broker.put({ id: 'm2', key: 'k', body: body(2) })
  broker.put({ id: 'm3', body: body(1) })
  broker.put({ id: 'm4', body: body(1) })
  broker.put({ id: 'm5', body: Buffer.from('no json') })
  broker.put({ id: 'm6', body: Buffer.from([0xff, 0xfe]) })
  await until('four begin', () => upstream.seen.length === 4)
  expect(upstream.seen.map(idOf).sort()).toEqual(['m1', 'm3', 'm5', 'm6'])
  for (const end of answers.splice(0)) end()
  await until('the others begin', () => upstream.seen.length === 6)
  for (const end of answers.splice(0)) end()
  await until('all are settled', () => broker.settled.length === 6)
})

test('draining gives deliveries back in their order, after those in work have ended', async () => {
  const answers: (() => void)[] = []
  const { broker, consumer, upstream } = await scene({
    answer: (_req, res) => void answers.push(() => void res.writeHead(500).end()),
    config: {
      orderBy,
      retry: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 1 },
      redelivery: { backoff: 'constant', baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, deadLetterAfter: 5 },
    },
  })
  for (const id of ['a1', 'a2', 'a3']) broker.put({ id, headers: { account: 'a' } })
  await until('the first begins', () => upstream.seen.length === 1)
  const drained = consumer.drain(5000)
  expect(broker.settled).toEqual([])
  for (const end of answers) end()
  await drained
  expect(broker.settled.map(({ id, settlement }) => `${id} ${settlement.outcome}`)).toEqual(['a1 retry', 'a2 release', 'a3 release'])
  expect(broker.settled.map(({ settlement }) => 'delayMs' in settlement && settlement.delayMs)).toEqual([0, 0, 0])
  expect(broker.depth).toBe(3)
})

test('a delivery that the broker takes back while it waits in its place leaves it, and its copy takes the turn', async () => {
  const { log, answer } = failing({ a1: 3 })
  const { broker, consumer } = await scene({
    answer,
    config: { orderBy, redelivery: { backoff: 'constant', baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, deadLetterAfter: 5 } },
  })
  broker.put({ id: 'a1', headers: { account: 'a' } })
  broker.put({ id: 'a2', headers: { account: 'a' } })
  await until('the first waits in its place', () => log.length === 6 && consumer.status().inFlight === 0)
  broker.lose()
  await until('both are settled', () => broker.settled.length === 2)
  expect(log.slice(6)).toEqual(['a1 begins', 'a1 works', 'a2 begins', 'a2 works'])
  expect(consumer.status().held).toBe(0)
})
