import { expect } from 'vitest'
import { until } from '../../kit/until.ts'
import { type Cases, addressOf, idsOf, publishAll } from './bench.ts'
import { ack, stays, patienceMs } from './inbox.ts'

export const subscriptionCases: Cases = (specify, traits) => {
  specify('a paused subscription gets nothing new, keeps what it holds, and goes on after resume', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    await bench.publishOrdered(broker, queue, 1)
    const inbox = bench.subscribe(broker, queue, { prefetch: 5 })
    const held = await inbox.next()
    inbox.subscription.pause()
    const later = await bench.publishOrdered(broker, queue, 3)
    await stays(1, inbox)
    await held.settle({ outcome: 'ack' })
    await stays(1, inbox)
    inbox.subscription.resume()
    await inbox.have(4)
    expect(inbox.ids().slice(1)).toEqual(idsOf(later))
  })

  specify('a message that is published later is delivered without another call', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const inbox = bench.subscribe(broker, queue, { settle: ack })
    await stays(0, inbox, 50)
    for (let count = 1; count <= 3; count += 1) {
      await broker.publish(addressOf(queue), bench.message())
      await inbox.have(count)
    }
  })

  specify('what another instance publishes is delivered without another call', async (bench) => {
    const queue = bench.queue()
    const [consumer, publisher] = [await bench.open(queue), await bench.open(queue)]
    const inbox = bench.subscribe(consumer, queue, { settle: ack })
    for (let count = 1; count <= 3; count += 1) {
      await publisher.publish(addressOf(queue), bench.message())
      await inbox.have(count)
    }
  })

  specify('stop: what was held can still be settled, the rest goes to others uncounted', async (bench) => {
    const queue = bench.queue()
    const first = await bench.open(queue)
    const messages = await bench.publishOrdered(first, queue, 10)
    const inbox = bench.subscribe(first, queue, { prefetch: 3 })
    await inbox.have(3)
    await inbox.subscription.stop()
    for (const delivery of inbox.deliveries) await delivery.settle({ outcome: 'ack' })
    await stays(3, inbox)
    await first.close()

    const rest = bench.subscribe(await bench.open(queue), queue)
    await rest.have(7)
    await stays(7, rest)
    expect(rest.ids()).toEqual(idsOf(messages.slice(3)))
    expect(rest.deliveries.map(({ history }) => history.deliveries)).toEqual([1, 1, 1, 1, 1, 1, 1])
  })

  specify('stop is harmless twice, while paused, and before anything came', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const inbox = bench.subscribe(broker, queue)
    inbox.subscription.pause()
    await Promise.all([inbox.subscription.stop(), inbox.subscription.stop()])
    inbox.subscription.resume()
    await broker.publish(addressOf(queue), bench.message())
    await stays(0, inbox)
  })

  specify('a new subscription on the same instance takes over after a stop', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const first = bench.subscribe(broker, queue, { settle: ack })
    await broker.publish(addressOf(queue), bench.message())
    await first.have(1)
    await first.stop()
    const message = bench.message()
    await broker.publish(addressOf(queue), message)
    expect((await bench.subscribe(broker, queue).next()).message.id).toBe(message.id)
  })

  specify('two subscribers share the work', async (bench) => {
    const queue = bench.queue()
    const [one, two] = [await bench.open(queue), await bench.open(queue)]
    const inboxes = [one, two].map((broker) => bench.subscribe(broker, queue, { prefetch: 2, settle: ack }))
    const published: string[] = []
    await until(
      'both subscribers have got some',
      async () => {
        const batch = Array.from({ length: 20 }, (_, index) => bench.message({ key: `key ${index}` }))
        published.push(...idsOf(batch))
        await publishAll(one, addressOf(queue), batch, 5)
        return inboxes.every((inbox) => inbox.deliveries.length > 0)
      },
      patienceMs,
    )
    await until('every message has come', () => new Set(inboxes.flatMap((inbox) => inbox.ids())).size === published.length, patienceMs)
  })

  specify('subscriptions of one instance to different queues get their own messages', async (bench) => {
    const queues = ['a', 'b', 'c'].map((name) => bench.queue({ name: bench.unique(name) }))
    const broker = await bench.open(...queues)
    const inboxes = queues.map((queue) => bench.subscribe(broker, queue, { settle: ack }))
    for (const queue of queues) await bench.publishOrdered(broker, queue, 3)
    await Promise.all(inboxes.map((inbox) => inbox.have(3)))
    expect(inboxes.map((inbox) => new Set(inbox.deliveries.map((delivery) => delivery.queue)))).toEqual(queues.map(({ name }) => new Set([name])))
  })

  if (!traits.hasExclusive) return

  specify('exclusive: one holder gets everything; another takes over when its instance closes', async (bench) => {
    const queue = bench.queue()
    const [one, two] = [await bench.open(queue), await bench.open(queue)]
    const holder = bench.subscribe(one, queue, { exclusive: true, settle: ack, consumer: 'ordered' })
    await bench.publishOrdered(one, queue, 1)
    await holder.have(1)
    const next = bench.subscribe(two, queue, { exclusive: true, settle: ack, consumer: 'ordered' })
    await bench.publishOrdered(one, queue, 5)
    await holder.have(6)
    expect(next.deliveries).toHaveLength(0)
    await one.close()
    const later = await bench.publishOrdered(two, queue, 5)
    await next.have(5)
    expect(next.ids()).toEqual(idsOf(later))
  })

  specify('exclusive: the next holder begins with what the last one did not settle', async (bench) => {
    const queue = bench.queue()
    const [one, two] = [await bench.open(queue), await bench.open(queue)]
    const messages = await bench.publishOrdered(one, queue, 6)
    const holder = bench.subscribe(one, queue, { exclusive: true, prefetch: 3 })
    await holder.have(3)
    await holder.deliveries[0]?.settle({ outcome: 'ack' })
    const next = bench.subscribe(two, queue, { exclusive: true, settle: ack })
    await one.close()
    await next.have(5)
    expect(next.ids()).toEqual(idsOf(messages.slice(1)))
  })

  specify('exclusive: a stopped subscription gives way', async (bench) => {
    const queue = bench.queue()
    const [one, two] = [await bench.open(queue), await bench.open(queue)]
    const holder = bench.subscribe(one, queue, { exclusive: true, settle: ack })
    await bench.publishOrdered(one, queue, 1)
    await holder.have(1)
    const next = bench.subscribe(two, queue, { exclusive: true, settle: ack })
    await holder.stop()
    await bench.publishOrdered(two, queue, 1)
    await next.have(1)
  })
}
