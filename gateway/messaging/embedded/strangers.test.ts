import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import type { DeadLetter } from '../dead-letter.ts'
import type { Settlement } from '../settlement.ts'
import { message } from '../../../test/kit/messages.ts'
import { collect, scene, work, workQueue } from './test/scene.ts'
import type { Scene } from './test/scene.ts'

/** Messages that came from other systems: neither their ids nor their times are ours. */
let here: Scene

beforeEach(async () => {
  here = await scene()
})
afterEach(() => here.close())

const park: Settlement = { outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: { type: 'status_422', message: 'no' } }

async function all(letters: AsyncIterable<DeadLetter>): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = []
  for await (const letter of letters) found.push(letter)
  return found
}

test.each([1e18, 1e300, -1e18, NaN, Infinity])('a time of publishing of %d is replaced, and holds up nobody', async (publishedAtMs) => {
  const broker = await here.open()
  const { deliveries } = collect(broker)
  const before = Date.now()
  await broker.publish(work, message({ publishedAtMs }))
  await broker.publish(work, message({ publishedAtMs: 1.5 }))
  await until('both are there', () => deliveries.length === 2)
  expect(deliveries[0]?.message.publishedAtMs).toBeGreaterThanOrEqual(before)
  expect(deliveries[1]?.message.publishedAtMs).toBe(1)
  expect((await broker.stats())[0]?.depth).toBe(2)
})

test.each([1e18, Infinity])('a delay of %d ms is one that can be stored', async (delayMs) => {
  const broker = await here.open()
  const { deliveries } = collect(broker)
  await broker.publish(work, message())
  await until('it is there', () => deliveries.length === 1)
  await deliveries[0]?.settle({ outcome: 'release', delayMs })
  await broker.publish(work, message())
  await until('the next one is there', () => deliveries.length === 2)
  await until('the delayed one is counted', async () => (await broker.stats())[0]?.depth === 2)
  expect(broker.status()).toMatchObject({ state: 'connected', reconnects: 0 })
})

test('two messages of one id are two dead letters; a copy of one is none', async () => {
  const broker = await here.open()
  broker.subscribe({ queue: 'work', prefetch: 10, holdMs: Infinity, exclusive: false, consumer: 'test' }, (delivery) => void delivery.settle(park))
  for (const body of ['one', 'two', 'one', '']) {
    await broker.publish(work, message({ id: 'order-1', body: Buffer.from(body) }))
    await until('it is parked', async () => (await broker.stats())[0]?.depth === 0)
  }
  expect((await all(broker.deadLetters.list('work', {}))).map(({ bodyBytes }) => bodyBytes)).toEqual([3, 3, 0])
  expect((await broker.deadLetters.show('work', 'order-1'))?.message.body).toEqual(Buffer.alloc(0))
  expect(await broker.deadLetters.drop('work', { ids: ['order-1'] })).toBe(3)
})

test('a file of the first format is taken over with its dead letters', async () => {
  await (await here.open()).close()
  const database = new DatabaseSync(here.path)
  database.exec('DROP INDEX dead_letters_with_id; CREATE UNIQUE INDEX dead_letters_by_id ON dead_letters (queue, id); PRAGMA user_version = 1')
  database.close()
  const broker = await here.open()
  const { deliveries } = collect(broker)
  for (const body of ['one', 'two']) await broker.publish(work, message({ id: 'order-1', body: Buffer.from(body) }))
  await until('both are there', () => deliveries.length === 2)
  await Promise.all(deliveries.map((delivery) => delivery.settle(park)))
  expect((await broker.stats())[0]?.deadLetters).toBe(2)
})

test('a delay is no longer than it was meant to be when the clock has gone back while nobody ran', async () => {
  here.clock.aheadMs = 3_600_000
  const before = await here.open()
  const { deliveries } = collect(before)
  await before.publish(work, message())
  await until('it is there', () => deliveries.length === 1)
  await deliveries[0]?.settle({ outcome: 'release', delayMs: 200 })
  await before.close()
  here.clock.aheadMs = 0
  const after = collect(await here.open([workQueue]))
  await until('it is there again', () => after.deliveries.length === 1)
})
