import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import { message } from '../kit/messages.ts'
import { openRabbitmqBench, publish, queueNamed, subscribe } from '../kit/rabbitmq-bench.ts'
import type { RabbitmqBench } from '../kit/rabbitmq-bench.ts'
import { rabbitmqSource } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`much at once in RabbitMQ${missing(source)}`, () => {
  let bench: RabbitmqBench
  beforeAll(async () => {
    bench = await openRabbitmqBench()
  })
  afterEach(() => bench.clear())
  afterAll(() => bench.stop())

  test('more deliveries fail at once than a connection has channels: each is stored at the first attempt', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue], { maxUnconfirmed: 5000, publishTimeoutMs: 20_000 })
    // The server grants 2047 channels.
    const count = 2500
    await Promise.all(Array.from({ length: count }, () => publish(broker, queue, message())))
    const deliveries: Delivery[] = []
    subscribe(broker, queue, (delivery) => void deliveries.push(delivery), { prefetch: count })
    await until('all are delivered', () => deliveries.length === count, 20_000)
    const error = { type: 'status_503', message: 'away' }
    await Promise.all(deliveries.map((delivery) => delivery.settle({ outcome: 'retry', delayMs: 60_000, attempts: 1, error })))
    expect(bench.lines.filter(({ level }) => level === 'warn')).toEqual([])
  })

  test('publishes that meet a deleted queue together are all stored in the new one', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await bench.foreign((channel) => channel.deleteQueue(queue.name))
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => publish(broker, queue, message())))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    expect((await broker.stats())[0]?.depth).toBe(20)
  })

  test('the depth of a queue counts what has come for a consumer that holds as much as it may', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    const deliveries: Delivery[] = []
    subscribe(broker, queue, (delivery) => void deliveries.push(delivery), { prefetch: 1 })
    await publish(broker, queue, message())
    await publish(broker, queue, message())
    await until('the first is delivered', () => deliveries.length === 1)
    await deliveries[0]?.settle({ outcome: 'retry', delayMs: 250, attempts: 1, error: { type: 'status_503', message: 'away' } })
    await until('the second is delivered', () => deliveries.length === 2)
    await until('the first has come back', async () => {
      const unacknowledged = await bench.server.node.ctl('list_queues', 'name', 'messages_unacknowledged')
      return unacknowledged.includes(`${queue.name}.due\t1\n`)
    })
    expect((await broker.stats())[0]?.depth).toBe(2)
  })

  test('a declaration that the broker does not answer comes back in time', async () => {
    const broker = await bench.open([queueNamed()], { heartbeatMs: 30_000 })
    bench.server.node.freeze()
    try {
      const began = performance.now()
      expect(await broker.declare([queueNamed(), queueNamed(), queueNamed()])).toEqual([])
      expect(performance.now() - began).toBeLessThan(5500)
    } finally {
      bench.server.node.thaw()
    }
  })
})
