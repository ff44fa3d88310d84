import { expect } from 'vitest'
import type { QueueConfig } from '../../../config/model.ts'
import type { Broker } from '../../../gateway/messaging/broker.ts'
import { type Bench, type Cases, addressOf } from './bench.ts'

/** The routing keys that reached each queue, in their order. */
async function routed(bench: Bench, queues: readonly QueueConfig[], keys: readonly string[]): Promise<Record<string, readonly string[]>> {
  const broker = await bench.open(...queues)
  const exchange = queues[0]?.exchange ?? ''
  for (const routingKey of keys) await broker.publish({ exchange, routingKey }, bench.message({ headers: { routed: routingKey }, key: 'one' }))
  const end = bench.message({ key: 'one' })
  for (const queue of queues) await publishEnd(broker, queue, end)
  const found = queues.map(async (queue) => {
    const inbox = bench.subscribe(broker, queue, { prefetch: 100 })
    const arrived: string[] = []
    for (let one = await inbox.next(); one.message.id !== end.id; one = await inbox.next()) arrived.push(one.message.headers['routed'] ?? '')
    return [queue.name.split('.').at(-1) ?? '', arrived] as const
  })
  return Object.fromEntries(await Promise.all(found))

  async function publishEnd(to: Broker, queue: QueueConfig, message: typeof end): Promise<void> {
    // A fan-out takes the end to every queue at once.
    if (queue.type !== 'fanout' || queue === queues[0]) await to.publish({ exchange, routingKey: queue.name }, message)
  }
}

export const routingCases: Cases = (specify) => {
  specify('a published message is stored: another instance delivers it after the publisher has gone', async (bench) => {
    const queue = bench.queue()
    const publisher = await bench.open(queue)
    const message = bench.message()
    await publisher.publish(addressOf(queue), message)
    await publisher.close()
    const delivery = await bench.subscribe(await bench.open(queue), queue).next()
    expect([delivery.message.id, delivery.queue]).toEqual([message.id, queue.name])
  })

  specify('a message that no queue is bound for is refused as unroutable, and the publisher goes on', async (bench) => {
    const direct = bench.queue()
    const topic = bench.queue({ name: bench.unique('topic'), type: 'topic' })
    const broker = await bench.open(direct, topic)
    const addresses = [
      { exchange: direct.exchange, routingKey: 'somewhere.else' },
      { exchange: topic.exchange, routingKey: 'somewhere.else' },
      { exchange: bench.unique('nobody.declared.this'), routingKey: 'anything' },
    ]
    for (const address of addresses) await expect(broker.publish(address, bench.message())).rejects.toMatchObject({ code: 'MESSAGE_UNROUTABLE' })
    const message = bench.message()
    await broker.publish(addressOf(direct), message)
    expect((await bench.subscribe(broker, direct).next()).message.id).toBe(message.id)
  })

  specify('unroutable messages among others published at the same time fail alone', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) =>
        broker.publish({ exchange: queue.exchange, routingKey: index % 4 === 0 ? 'nowhere' : queue.name }, bench.message()),
      ),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map((_, index) => (index % 4 === 0 ? 'rejected' : 'fulfilled')))
    await bench.subscribe(broker, queue, { prefetch: 40 }).have(30)
  })

  specify('direct: a queue gets what is published under one of its bindings', async (bench) => {
    const exchange = bench.unique('exchange')
    const a = bench.unique('a')
    const b = bench.unique('b')
    const queues = [
      bench.queue({ name: a, exchange, bindings: [a, 'shared', 'only.a'] }),
      bench.queue({ name: b, exchange, bindings: [b, 'shared', '#'] }),
    ]
    expect(await routed(bench, queues, ['shared', 'only.a', a, b])).toEqual({ a: ['shared', 'only.a', a], b: ['shared', b] })
  })

  specify('topic: `*` stands for one word and `#` for any number, none included', async (bench) => {
    const exchange = bench.unique('exchange')
    const patterns = {
      one: 'order.*',
      any: 'order.#',
      end: '#.failed',
      middle: 'order.*.failed',
      around: '#.eu.#',
      pair: '*.*',
    }
    const queues = Object.entries(patterns).map(([name, pattern]) =>
      bench.queue({ name: bench.unique(name), exchange, type: 'topic', bindings: [bench.unique(name), pattern] }),
    )
    const keys = ['order', 'order.created', 'order.created.failed', 'failed', 'order.eu.created.failed', 'eu', 'order.a.b.c', 'xorder.created']
    // Every queue has to exist for a key, so one takes them all.
    const rest = bench.queue({ name: bench.unique('rest'), exchange, type: 'topic', bindings: [bench.unique('rest'), '#'] })
    const found = await routed(bench, [...queues, rest], keys)
    expect({ ...found, rest: found['rest']?.filter((key) => keys.includes(key)) }).toEqual({
      one: ['order.created'],
      any: ['order', 'order.created', 'order.created.failed', 'order.eu.created.failed', 'order.a.b.c'],
      end: ['order.created.failed', 'failed', 'order.eu.created.failed'],
      middle: ['order.created.failed'],
      around: ['order.eu.created.failed', 'eu'],
      pair: ['order.created', 'xorder.created'],
      rest: keys,
    })
  })

  specify('fanout: one publish reaches every queue of the exchange, whatever the routing key', async (bench) => {
    const exchange = bench.unique('exchange')
    const queues = ['a', 'b', 'c'].map((name) => bench.queue({ name: bench.unique(name), exchange, type: 'fanout' }))
    expect(await routed(bench, queues, ['anything', ''])).toEqual({ a: ['anything', ''], b: ['anything', ''], c: ['anything', ''] })
  })

  specify('a message that two bindings of a queue fit comes once', async (bench) => {
    const name = bench.unique('twice')
    const queue = bench.queue({ name, type: 'topic', bindings: [name, 'a.#', '#.b'] })
    expect(await routed(bench, [queue], ['a.b'])).toEqual({ twice: ['a.b'] })
  })

  specify('queues of one fan-out are settled independently of each other', async (bench) => {
    const exchange = bench.unique('exchange')
    const [a, b] = [
      bench.queue({ name: bench.unique('a'), exchange, type: 'fanout' }),
      bench.queue({ name: bench.unique('b'), exchange, type: 'fanout' }),
    ]
    const broker = await bench.open(a, b)
    const message = bench.message()
    await broker.publish(addressOf(a), message)
    const refused = await bench.subscribe(broker, a).next()
    await refused.settle({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: { type: 'status_400', message: 'no' } })
    const taken = await bench.subscribe(broker, b).next()
    expect([taken.message.id, taken.queue]).toEqual([message.id, b.name])
    await taken.settle({ outcome: 'ack' })
  })
}
