import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DeadLetter } from '../../gateway/messaging/dead-letter.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import { nestedTable, publishTable } from '../kit/amqp-frames.ts'
import { message } from '../kit/messages.ts'
import { openRabbitmqBench, publish, queueNamed, subscribe } from '../kit/rabbitmq-bench.ts'
import type { RabbitmqBench } from '../kit/rabbitmq-bench.ts'
import { rabbitmqSource } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`row 88: messages of strangers in RabbitMQ${missing(source)}`, () => {
  let bench: RabbitmqBench
  beforeAll(async () => {
    bench = await openRabbitmqBench()
  })
  afterEach(() => bench.clear())
  afterAll(() => bench.stop())

  test.each([
    ['no id, no headers, no bytes', Buffer.alloc(0), {}],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 0xc3]), { contentType: 'text/plain' }],
    ['headers of every type', Buffer.from('x'), { headers: oddHeaders, correlationId: 'c', replyTo: 'r', userId: 'guest', expiration: '60000' }],
    ['ten thousand headers', Buffer.from('x'), { headers: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [n.toString(36), true])) }],
  ])('%s: delivered, retried, parked and replayed', async (_title, body, options) => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await bench.foreign(async (channel) => channel.sendToQueue(queue.name, body, options))
    const deliveries: Delivery[] = []
    subscribe(broker, queue, (delivery) => void deliveries.push(delivery))
    await until('it is delivered', () => deliveries.length === 1)
    const error = { type: 'status_500', message: 'broken' }
    await deliveries[0]?.settle({ outcome: 'retry', delayMs: 10, attempts: 1, error })
    await until('it comes again', () => deliveries.length === 2)
    expect(deliveries[1]?.message.id).toBe(deliveries[0]?.message.id)
    expect(deliveries[1]?.message.headers).toEqual(deliveries[0]?.message.headers)
    for (const value of Object.values(deliveries[0]?.message.headers ?? {})) expect(typeof value).toBe('string')
    await deliveries[1]?.settle({ outcome: 'dead_letter', reason: 'invalid', attempts: 1, error })
    const id = deliveries[0]?.message.id ?? ''
    await until('it is parked', async () => (await broker.deadLetters.show(queue.name, id))?.message.body.equals(body) === true)
    expect(await broker.deadLetters.replay(queue.name, { ids: [id] })).toBe(1)
    await until('it is replayed', () => deliveries.length === 3)
    await deliveries[2]?.settle({ outcome: 'ack' })
  })

  test('headers that fill a frame and cannot be copied: parked by the broker itself', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await bench.foreign(async (channel) =>
      channel.sendToQueue(queue.name, Buffer.from('x'), { messageId: 'full', headers: { a: 'x'.repeat(65_400) } }),
    )
    subscribe(broker, queue, (delivery) =>
      delivery.settle({ outcome: 'retry', delayMs: 10, attempts: 1, error: { type: 'status_500', message: 'broken' } }),
    )
    await until('it is parked', async () => (await broker.deadLetters.show(queue.name, 'full'))?.letter.reason === 'invalid')
  })

  test('a body of 128 MB, the most that the server takes, does not stop the consumer', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    const sizes: number[] = []
    subscribe(broker, queue, async (delivery) => {
      sizes.push(delivery.message.body.length)
      await delivery.settle({ outcome: 'ack' })
    })
    await bench.foreign(async (channel) => channel.sendToQueue(queue.name, Buffer.alloc(128 * 2 ** 20)))
    await publish(broker, queue, message())
    await until('both have come', () => sizes.length === 2, 15_000)
    expect(sizes.toSorted((a, b) => b - a)[0]).toBe(128 * 2 ** 20)
  })

  test('headers nested too deeply to be read: the message is parked as it is, and nobody else loses the connection', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await publishTable(bench.server.node.port, queue.name, nestedTable(8000), 'deep')
    const one = message()
    await publish(broker, queue, one)
    const delivered: string[] = []
    subscribe(broker, queue, async (delivery) => {
      delivered.push(delivery.message.id)
      await delivery.settle({ outcome: 'ack' })
    })
    await until('the other one is delivered', () => delivered.length > 0)
    await until('it is parked', async () => (await broker.deadLetters.show(queue.name, 'deep'))?.letter.reason === 'invalid')
    expect(delivered).toEqual([one.id])
    expect(broker.status().reconnects).toBe(0)
    // It is there with all its headers, which no copy would have.
    await expect(broker.deadLetters.replay(queue.name, {})).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    expect(await broker.deadLetters.drop(queue.name, { ids: ['deep'] })).toBe(1)
  })

  test('a dead letter that cannot be copied does not keep the others from being replayed', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await publishTable(bench.server.node.port, `${queue.name}.dlq`, nestedTable(8000), 'deep')
    await bench.foreign(async (channel) => {
      for (let index = 0; index < 60; index += 1) channel.sendToQueue(`${queue.name}.dlq`, Buffer.from('x'), { messageId: `stray ${index}` })
    })
    await expect(broker.deadLetters.replay(queue.name, {})).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    const delivered = new Set<string>()
    subscribe(broker, queue, async (delivery) => {
      delivered.add(delivery.message.id)
      await delivery.settle({ outcome: 'ack' })
    })
    await until('the others are delivered', () => delivered.size === 60)
  })

  test('a letter that somebody else put among the dead ones is shown and can be dropped', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await bench.foreign(async (channel) => channel.sendToQueue(`${queue.name}.dlq`, Buffer.from('stray')))
    const found: DeadLetter[] = []
    await until('it is there', async () => {
      for await (const letter of broker.deadLetters.list(queue.name, {})) found.push(letter)
      return found.length > 0
    })
    expect(found[0]).toMatchObject({ reason: 'rejected', attempts: 0, exchange: undefined, bodyBytes: 5 })
    expect(await broker.deadLetters.drop(queue.name, { ids: [found[0]?.id ?? ''] })).toBe(1)
  })

  test('a message that ends its consumer again and again is parked', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
    await publish(broker, queue, { ...message(), id: 'deadly' })
    // Somebody takes it and ends, more often than is permitted.
    for (let times = 0; times < 20; times += 1)
      await bench.foreign(async (channel) => {
        await until('it is there', async () => (await channel.get(queue.name)) !== false)
      })
    const delivered: Delivery[] = []
    subscribe(broker, queue, (delivery) => void delivered.push(delivery))
    await until('it is parked', async () => (await broker.deadLetters.show(queue.name, 'deadly'))?.letter.reason === 'interrupted')
    expect(delivered).toEqual([])
  })
})

const oddHeaders = {
  Text: 'plain',
  number: 42,
  big: 2 ** 40,
  half: 0.5,
  truth: true,
  nothing: null,
  bytes: Buffer.from([0xff, 0x00]),
  utf8: Buffer.from('Zoë'),
  when: { '!': 'timestamp', value: 1_700_000_000 },
  price: { '!': 'decimal', value: { digits: 1999, places: 2 } },
  table: { inner: { deep: [1, 'two', Buffer.from('three')] } },
  'x-death': 'not a table',
}
