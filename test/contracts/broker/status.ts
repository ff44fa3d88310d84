import { expect } from 'vitest'
import type { QueueConfig } from '../../../config/model.ts'
import type { Broker, QueueStats } from '../../../gateway/messaging/broker.ts'
import { until } from '../../kit/until.ts'
import { type Cases, addressOf, idsOf } from './bench.ts'
import { ack, patienceMs } from './inbox.ts'

const busy = { type: 'status_503', message: 'answered 503' }

async function statsOf(broker: Broker, queue: QueueConfig): Promise<QueueStats | undefined> {
  return (await broker.stats()).find((stats) => stats.queue === queue.name)
}

const untilDepth = (broker: Broker, queue: QueueConfig, depth: number): Promise<void> =>
  until(`${queue.name} has a depth of ${depth}`, async () => (await statsOf(broker, queue))?.depth === depth, patienceMs)

export const statusCases: Cases = (specify, traits) => {
  specify('depth counts what waits and what is in flight', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await untilDepth(broker, queue, 0)
    await bench.publishOrdered(broker, queue, 5)
    await untilDepth(broker, queue, 5)
    const inbox = bench.subscribe(broker, queue, { prefetch: 2 })
    await inbox.have(2)
    await untilDepth(broker, queue, 5)
    await inbox.deliveries[0]?.settle({ outcome: 'ack' })
    await untilDepth(broker, queue, 4)
  })

  if (traits.depthHoldsDelayed)
    specify('depth counts what waits for a retry', async (bench) => {
      const queue = bench.queue()
      const broker = await bench.open(queue)
      await bench.publishOrdered(broker, queue, 2)
      const inbox = bench.subscribe(broker, queue)
      await (await inbox.next()).settle({ outcome: 'retry', delayMs: 60_000, attempts: 1, error: busy })
      await (await inbox.next()).settle({ outcome: 'ack' })
      await untilDepth(broker, queue, 1)
    })

  specify('stats name every declared queue, with its dead letters', async (bench) => {
    const [a, b] = [bench.queue({ name: bench.unique('a') }), bench.queue({ name: bench.unique('b') })]
    const broker = await bench.open(a, b)
    await bench.park(broker, a, 2)
    await until('the dead letters are counted', async () => (await statsOf(broker, a))?.deadLetters === 2, patienceMs)
    const stats = await broker.stats()
    expect(stats.map((one) => one.queue).toSorted()).toEqual([a.name, b.name].toSorted())
    expect(await statsOf(broker, b)).toMatchObject({ depth: 0, deadLetters: 0, oldestAtMs: undefined })
  })

  specify('the oldest message is the one that was published first, where the broker can tell', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const publishedAtMs = Date.now() - 60_000
    await broker.publish(addressOf(queue), bench.message({ publishedAtMs, key: 'one' }))
    await broker.publish(addressOf(queue), bench.message({ key: 'one' }))
    await untilDepth(broker, queue, 2)
    expect([publishedAtMs, undefined]).toContain((await statsOf(broker, queue))?.oldestAtMs)
  })

  specify('declaring the same again changes nothing and reports nothing', async (bench) => {
    const queue = bench.queue({ ttlMs: 3_600_000 })
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 3)
    expect(await broker.declare([queue])).toEqual([])
    expect(broker.status().differences).toEqual([])
    const other = await bench.open(queue)
    expect(await other.declare([queue])).toEqual([])
    const inbox = bench.subscribe(other, queue, { settle: ack })
    await inbox.have(3)
    expect(inbox.ids()).toEqual(idsOf(messages))
  })

  specify('a queue that is added later works, and subscriptions to the others go on', async (bench) => {
    const queue = bench.queue()
    const added = bench.queue({ name: bench.unique('added') })
    const broker = await bench.open(queue)
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await bench.publishOrdered(broker, queue, 1)
    await inbox.have(1)
    expect(await broker.declare([queue, added])).toEqual([])
    await bench.publishOrdered(broker, added, 1)
    await bench.publishOrdered(broker, queue, 1)
    await inbox.have(2)
    await bench.subscribe(broker, added, { settle: ack }).have(1)
  })

  specify('a queue that is named no longer keeps its messages', async (bench) => {
    const queue = bench.queue()
    const other = bench.queue({ name: bench.unique('other') })
    const broker = await bench.open(queue, other)
    const [message] = await bench.publishOrdered(broker, queue, 1)
    await broker.declare([other])
    expect((await broker.stats()).map((stats) => stats.queue)).toEqual([other.name])
    await broker.declare([queue, other])
    expect((await bench.subscribe(broker, queue, { settle: ack }).next()).message.id).toBe(message?.id)
  })

  specify('a queue declared in another shape keeps its messages and goes on working', async (bench) => {
    const queue = bench.queue({ ttlMs: 3_600_000 })
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 2)
    const changed = { ...queue, ttlMs: 7_200_000, maxLength: 10_000 }
    const differences = await broker.declare([changed])
    expect(differences.every((difference) => difference.queue === queue.name && difference.declared !== difference.actual)).toBe(true)
    expect(broker.status().differences).toEqual(differences)
    const more = await bench.publishOrdered(broker, changed, 1)
    const inbox = bench.subscribe(broker, changed, { settle: ack })
    await inbox.have(3)
    expect(inbox.ids()).toEqual(idsOf([...messages, ...more]))
  })

  specify('status tells the state and counts confirmed publishes, and no password', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await bench.publishOrdered(broker, queue, 3)
    const status = broker.status()
    expect(status).toMatchObject({
      state: 'connected',
      confirmed: 3,
      failed: 0,
      unconfirmed: 0,
      reconnects: 0,
      lastError: undefined,
      differences: [],
    })
    expect([status.name, status.type]).toEqual([broker.name, broker.type])
    expect(status.address).not.toBe('')
    expect(status.address).not.toContain('@')
  })

  specify('close can be called again, and nothing can be published afterwards', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    bench.subscribe(broker, queue)
    await Promise.all([broker.close(), broker.close()])
    await broker.close()
    expect(broker.status().state).toBe('closed')
    await expect(broker.publish(addressOf(queue), bench.message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    expect((await broker.stats()).every((stats) => stats.depth === undefined)).toBe(true)
  })
}
