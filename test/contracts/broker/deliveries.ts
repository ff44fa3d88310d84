import { expect } from 'vitest'
import { until } from '../../kit/until.ts'
import { type Cases, addressOf, idsOf, publishAll } from './bench.ts'
import { ack, stays, patienceMs } from './inbox.ts'

export const deliveryCases: Cases = (specify, traits) => {
  specify('messages come in the order in which they were published', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const messages = await bench.publishOrdered(broker, queue, 60)
    const inbox = bench.subscribe(broker, queue, { prefetch: 7, settle: ack })
    await inbox.have(60)
    expect(inbox.ids()).toEqual(idsOf(messages))
  })

  specify('the order lives through many publishers of other messages', async (bench) => {
    const queue = bench.queue()
    const [broker, other] = [await bench.open(queue), await bench.open(queue)]
    const inbox = bench.subscribe(broker, queue, { prefetch: 50, settle: ack })
    const noise = Array.from({ length: 60 }, () => bench.message())
    const [mine] = await Promise.all([bench.publishOrdered(broker, queue, 30), publishAll(other, addressOf(queue), noise, 10)])
    await inbox.have(90)
    const own = new Set(idsOf(mine))
    expect(inbox.ids().filter((id) => own.has(id))).toEqual(idsOf(mine))
  })

  specify('the first delivery has no history', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const { history } = await bench.subscribe(broker, queue).next()
    expect(history).toEqual({ deliveries: 1, failures: 0, attempts: 0, firstFailedAtMs: undefined })
  })

  specify('prefetch bounds the deliveries that are held unsettled', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await bench.publishOrdered(broker, queue, 12)
    const inbox = bench.subscribe(broker, queue, { prefetch: 4 })
    await inbox.have(4)
    await stays(4, inbox)
    await inbox.deliveries[2]?.settle({ outcome: 'ack' })
    await inbox.have(5)
    await stays(5, inbox)
    for (const index of [0, 1, 3]) await inbox.deliveries[index]?.settle({ outcome: 'ack' })
    await inbox.have(8)
    await stays(8, inbox)
  })

  specify('a slow delivery does not stop the others', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const [slow] = await bench.publishOrdered(broker, queue, 40)
    const settled: string[] = []
    const inbox = bench.subscribe(broker, queue, { prefetch: 5 })
    const first = await inbox.next()
    while (settled.length < 39) {
      const delivery = await inbox.next()
      await delivery.settle({ outcome: 'ack' })
      settled.push(delivery.message.id)
    }
    expect(settled).not.toContain(slow?.id)
    await first.settle({ outcome: 'ack' })
  })

  specify('what was not settled when its instance closed comes back, what was settled does not', async (bench) => {
    const queue = bench.queue()
    const first = await bench.open(queue)
    const messages = await bench.publishOrdered(first, queue, 10)
    const held = bench.subscribe(first, queue)
    await held.have(10)
    for (const delivery of held.deliveries.slice(0, 4)) await delivery.settle({ outcome: 'ack' })
    await first.close()

    const inbox = bench.subscribe(await bench.open(queue), queue, { settle: ack })
    await inbox.have(6)
    await stays(6, inbox)
    expect(inbox.ids()).toEqual(idsOf(messages.slice(4)))
    expect(inbox.deliveries.map(({ history }) => [history.failures, history.attempts])).toEqual(messages.slice(4).map(() => [0, 0]))
  })

  if (traits.settlesSingly)
    specify('what was settled does not come back even if an earlier delivery was not', async (bench) => {
      const queue = bench.queue()
      const first = await bench.open(queue)
      const messages = await bench.publishOrdered(first, queue, 8)
      const held = bench.subscribe(first, queue)
      await held.have(8)
      for (const index of [1, 3, 4, 7]) await held.deliveries[index]?.settle({ outcome: 'ack' })
      await first.close()

      const inbox = bench.subscribe(await bench.open(queue), queue, { settle: ack })
      await inbox.have(4)
      await stays(4, inbox)
      expect(inbox.ids()).toEqual(idsOf([0, 2, 5, 6].map((index) => messages[index] ?? bench.message())))
    })

  specify('a delivery of a closed instance is marked as lost and cannot be settled any more', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await broker.publish(addressOf(queue), bench.message())
    const delivery = await bench.subscribe(broker, queue).next()
    expect(delivery.lost.aborted).toBe(false)
    await broker.close()
    expect(delivery.lost.aborted).toBe(true)
    await expect(delivery.settle({ outcome: 'ack' })).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  })

  specify('2,000 messages through two consumers: each comes exactly once when nothing fails', async (bench) => {
    const queue = bench.queue()
    const [one, two] = [await bench.open(queue), await bench.open(queue)]
    const inboxes = [one, two].map((broker) => bench.subscribe(broker, queue, { prefetch: 50, settle: ack }))
    await until(
      'both consumers have their share',
      async () => {
        const warming = Array.from({ length: 10 }, (_, index) => bench.message({ key: `warming ${index}` }))
        await publishAll(one, addressOf(queue), warming)
        return inboxes.every((inbox) => inbox.deliveries.length > 0)
      },
      patienceMs,
    )
    const messages = Array.from({ length: 2000 }, (_, index) => bench.message({ key: `key ${index % 50}` }))
    await publishAll(one, addressOf(queue), messages)
    const wanted = new Set(idsOf(messages))
    const got = (): readonly string[] => inboxes.flatMap((inbox) => inbox.ids()).filter((id) => wanted.has(id))
    await until('all messages have come', () => new Set(got()).size === wanted.size, patienceMs)
    expect(got()).toHaveLength(2000)
    await until('the queue is empty', async () => (await one.stats()).find((stats) => stats.queue === queue.name)?.depth === 0, patienceMs)
  })
}
