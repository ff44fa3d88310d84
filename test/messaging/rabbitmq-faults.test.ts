import { randomUUID } from 'node:crypto'
import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { QueueConfig } from '../../config/model.ts'
import type { Broker, SubscribeOptions, TopologyDifference } from '../../gateway/messaging/broker.ts'
import type { DeadLetter } from '../../gateway/messaging/dead-letter.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import type { Message } from '../../gateway/messaging/message.ts'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import { openRabbitmqBroker } from '../kit/rabbitmq-broker.ts'
import type { LogLine } from '../kit/rabbitmq-broker.ts'
import { rabbitmqSource, startRabbitmq } from '../kit/rabbitmq.ts'
import type { RabbitmqServer } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`faults of RabbitMQ${missing(source)}`, () => {
  let server: RabbitmqServer
  let lines: LogLine[]
  const brokers: Broker[] = []

  beforeAll(async () => {
    server = await startRabbitmq()
  })
  afterAll(async () => {
    await server.stop()
  })
  beforeEach(() => {
    lines = []
    return async () => {
      await Promise.all(brokers.splice(0).map((broker) => broker.close()))
    }
  })

  const open = async (
    queues: readonly QueueConfig[],
    differences: Parameters<typeof openRabbitmqBroker>[1] = {},
    urls = server.urls,
  ): Promise<Broker> => {
    const broker = openRabbitmqBroker(urls, differences, lines)
    brokers.push(broker)
    await broker.declare(queues)
    return broker
  }
  /** Runs commands as somebody else: another program, or the administrator. */
  const foreign = async <T>(commands: (channel: Channel) => Promise<T>): Promise<T> => {
    const connection = await connect(server.node.url)
    connection.on('error', () => undefined)
    try {
      const channel = await connection.createConfirmChannel()
      channel.on('error', () => undefined)
      const result = await commands(channel)
      await channel.waitForConfirms()
      return result
    } finally {
      await connection.close()
    }
  }

  describe('row 83: the node is killed', () => {
    test('while connecting: the process lives, and connects when it is back', async () => {
      const queue = queueNamed()
      const pending = Array.from({ length: 5 }, () => open([queue]))
      await server.node.kill()
      await Promise.all(pending)
      await expect(publish(brokers[0], queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
      await server.node.restart()
      for (const broker of brokers) await until('connected', () => broker.status().state === 'connected', 10_000)
      await publish(brokers[0], queue, message())
    })

    test('while publishing and consuming: nothing that was confirmed is lost, and all goes on', async () => {
      const queue = queueNamed()
      const broker = await open([queue])
      const seen = new Set<string>()
      subscribe(broker, queue, async (delivery) => {
        seen.add(delivery.message.id)
        await delivery.settle({ outcome: 'ack' }).catch(() => undefined)
      })
      const confirmed: string[] = []
      let publishing = true
      const publishers = Array.from({ length: 20 }, async () => {
        while (publishing) {
          const one = message()
          await publish(broker, queue, one).then(
            () => confirmed.push(one.id),
            () => undefined,
          )
        }
      })
      try {
        // A node that is killed within a second of making a quorum queue forgets where it is.
        const madeAtMs = Date.now()
        await until('some are confirmed', () => confirmed.length > 300 && Date.now() > madeAtMs + 2000)
        await server.node.kill()
        const before = confirmed.length
        await until('the loss was noticed', () => broker.status().state === 'connecting')
        await server.node.restart()
        await until('publishing goes on', () => confirmed.length > before + 300, 15_000)
      } finally {
        publishing = false
        await Promise.all(publishers)
      }
      await until('every confirmed message has come', () => confirmed.every((id) => seen.has(id)), 15_000)
      expect(broker.status()).toMatchObject({ state: 'connected', unconfirmed: 0 })
    })

    test('while closing: close comes to its end', async () => {
      const queue = queueNamed()
      const broker = await open([queue])
      subscribe(broker, queue, () => undefined)
      const closing = broker.close()
      await server.node.kill()
      await closing
      expect(broker.status().state).toBe('closed')
      await server.node.restart()
    })

    test('while frozen: publishes fail in time, and close does not wait for it', async () => {
      const queue = queueNamed()
      const broker = await open([queue], { publishTimeoutMs: 500, heartbeatMs: 1000 })
      server.node.freeze()
      try {
        await expect(publish(broker, queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
        await until('the heartbeats are missed', () => broker.status().state === 'connecting', 8000)
        const began = performance.now()
        await broker.close()
        expect(performance.now() - began).toBeLessThan(4000)
      } finally {
        server.node.thaw()
      }
    })
  })

  test('a link that is reset, cut and silent: the broker comes back each time', async () => {
    const queue = queueNamed()
    const proxy = await startFaultProxy({ port: server.node.port })
    const broker = await open([queue], { publishTimeoutMs: 1000, heartbeatMs: 1000, connectTimeoutMs: 500 }, [
      `amqp://guest:guest@127.0.0.1:${proxy.port}`,
    ])
    const works = (): Promise<void> => until('a publish is confirmed', () => publish(broker, queue, message()).then(yes, no), 10_000)
    proxy.reset()
    await works()
    proxy.cut({ refuse: true })
    await expect(publish(broker, queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    proxy.mend()
    await works()
    proxy.freeze()
    await until('the silence is noticed', () => broker.status().state === 'connecting', 8000)
    proxy.mend()
    await works()
    await broker.close()
    await proxy.close()
  })

  test('row 85: a delivery that is held longer than the broker permits comes again, and others go on', async () => {
    await server.node.ctl('eval', 'application:set_env(rabbit, consumer_timeout, 2000), application:set_env(rabbit, channel_tick_interval, 500).')
    const [slow, quick] = [queueNamed(), queueNamed()]
    const broker = await open([slow, quick])
    const held: Delivery[] = []
    const done: string[] = []
    subscribe(broker, slow, (delivery) => void held.push(delivery))
    subscribe(broker, quick, async (delivery) => {
      done.push(delivery.message.id)
      await delivery.settle({ outcome: 'ack' })
    })
    await publish(broker, slow, message())
    await until('it is delivered', () => held.length === 1)
    await until('it comes again', () => held.length === 2, 15_000)
    await server.node.ctl(
      'eval',
      'application:set_env(rabbit, consumer_timeout, 1800000), application:set_env(rabbit, channel_tick_interval, 60000).',
    )
    expect(held[0]?.lost.aborted).toBe(true)
    expect(held[1]?.history.deliveries).toBe(2)
    await expect(held[0]?.settle({ outcome: 'ack' })).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await publish(broker, quick, message())
    await until('the other subscription works', () => done.length === 1)
    await held[1]?.settle({ outcome: 'ack' })
    expect(broker.status().reconnects).toBe(0)
  })

  test('row 86: without its dead-letter queue a message is not lost: the queue is made again first', async () => {
    const queue = queueNamed()
    const broker = await open([queue])
    await foreign((channel) => channel.deleteQueue(`${queue.name}.dlq`))
    const sent = message()
    subscribe(broker, queue, (delivery) =>
      delivery.settle({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: { type: 'status_400', message: 'no' } }),
    )
    await publish(broker, queue, sent)
    await until('it is parked', async () => (await broker.deadLetters.show(queue.name, sent.id)) !== undefined)
    await until('it has left the queue', async () => (await broker.stats())[0]?.depth === 0)
  })

  test('row 87: what fails for good comes back at its pace and not in a hot loop', async () => {
    const queue = queueNamed()
    const broker = await open([queue])
    const times: number[] = []
    subscribe(broker, queue, async (delivery) => {
      times.push(Date.now())
      const error = { type: 'status_500', message: 'broken' }
      if (delivery.history.failures < 3) await delivery.settle({ outcome: 'retry', delayMs: 400, attempts: 1, error })
      else await delivery.settle({ outcome: 'dead_letter', reason: 'failed', attempts: 1, error })
    })
    await publish(broker, queue, message())
    await until('it is parked', async () => (await broker.stats())[0]?.deadLetters === 1, 10_000)
    expect(times).toHaveLength(4)
    for (const [index, time] of times.slice(1).entries()) expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(395)
  })

  describe('row 88: messages of strangers', () => {
    test.each([
      ['no id, no headers, no bytes', Buffer.alloc(0), {}],
      ['bytes that are no text', Buffer.from([0xff, 0xfe, 0, 0xc3]), { contentType: 'text/plain' }],
      ['headers of every type', Buffer.from('x'), { headers: oddHeaders, correlationId: 'c', replyTo: 'r', userId: 'guest', expiration: '60000' }],
      ['ten thousand headers', Buffer.from('x'), { headers: Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [n.toString(36), true])) }],
    ])('%s: delivered, retried, parked and replayed', async (_title, body, options) => {
      const queue = queueNamed()
      const broker = await open([queue])
      await foreign(async (channel) => channel.sendToQueue(queue.name, body, options))
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
      const broker = await open([queue])
      await foreign(async (channel) => channel.sendToQueue(queue.name, Buffer.from('x'), { messageId: 'full', headers: { a: 'x'.repeat(65_400) } }))
      subscribe(broker, queue, (delivery) =>
        delivery.settle({ outcome: 'retry', delayMs: 10, attempts: 1, error: { type: 'status_500', message: 'broken' } }),
      )
      await until('it is parked', async () => (await broker.deadLetters.show(queue.name, 'full'))?.letter.reason === 'invalid')
    })

    test('a body of 100 MB does not stop the consumer', async () => {
      const queue = queueNamed()
      const broker = await open([queue])
      const sizes: number[] = []
      subscribe(broker, queue, async (delivery) => {
        sizes.push(delivery.message.body.length)
        await delivery.settle({ outcome: 'ack' })
      })
      await foreign(async (channel) => channel.sendToQueue(queue.name, Buffer.alloc(100 * 2 ** 20)))
      await publish(broker, queue, message())
      await until('both have come', () => sizes.length === 2, 15_000)
      expect(sizes.toSorted((a, b) => b - a)[0]).toBe(100 * 2 ** 20)
    })

    test('a letter that somebody else put among the dead ones is shown and can be dropped', async () => {
      const queue = queueNamed()
      const broker = await open([queue])
      await foreign(async (channel) => channel.sendToQueue(`${queue.name}.dlq`, Buffer.from('stray')))
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
      const broker = await open([queue])
      await publish(broker, queue, { ...message(), id: 'deadly' })
      // Somebody takes it and ends, more often than is permitted.
      for (let times = 0; times < 20; times += 1)
        await foreign(async (channel) => {
          await until('it is there', async () => (await channel.get(queue.name)) !== false)
        })
      const delivered: Delivery[] = []
      subscribe(broker, queue, (delivery) => void delivered.push(delivery))
      await until('it is parked', async () => (await broker.deadLetters.show(queue.name, 'deadly'))?.letter.reason === 'interrupted')
      expect(delivered).toEqual([])
    })
  })

  test('row 89: a queue that is deleted is made again, and its consumers and publishers go on', async () => {
    const queue = queueNamed()
    const broker = await open([queue])
    const seen: string[] = []
    subscribe(broker, queue, async (delivery) => {
      seen.push(delivery.message.id)
      await delivery.settle({ outcome: 'ack' })
    })
    const ids: string[] = []
    const send = async (): Promise<void> => {
      const one = message()
      await publish(broker, queue, one)
      ids.push(one.id)
    }
    await send()
    await until('it has come', () => seen.length === 1)
    for (const remove of [(channel: Channel) => channel.deleteQueue(queue.name), (channel: Channel) => channel.deleteExchange(queue.exchange)]) {
      await foreign(remove)
      await until('a publish is confirmed', () => send().then(yes, no))
      await until('what was confirmed has come', () => ids.every((id) => seen.includes(id)))
    }
  })

  test('row 90: an alarm of the broker stops publishers at once and not consumers, until it is over', async () => {
    const queue = queueNamed()
    const broker = await open([queue], { publishTimeoutMs: 2000 })
    const held: Delivery[] = []
    await publish(broker, queue, message())
    subscribe(broker, queue, (delivery) => void held.push(delivery))
    await until('it is delivered', () => held.length === 1)
    await server.node.ctl('set_vm_memory_high_watermark', '0')
    try {
      // The broker tells a publisher only when it publishes.
      await expect(publish(broker, queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
      expect(broker.status().state).toBe('blocked')
      const began = performance.now()
      const refused = await Promise.allSettled(Array.from({ length: 5000 }, () => publish(broker, queue, message())))
      expect(refused.every(({ status }) => status === 'rejected')).toBe(true)
      expect(performance.now() - began).toBeLessThan(1500)
      expect(broker.status().unconfirmed).toBeLessThan(10)
      await held[0]?.settle({ outcome: 'ack' })
    } finally {
      await server.node.ctl('set_vm_memory_high_watermark', '0.6')
    }
    await until('publishes are confirmed again', () => publish(broker, queue, message()).then(yes, no), 10_000)
    expect(broker.status()).toMatchObject({ state: 'connected', reconnects: 0 })
  })

  test('objects of another shape are reported, each difference once, and used as they are', async () => {
    const queue = { ...queueNamed(), type: 'topic' as const }
    await foreign(async (channel) => {
      await channel.assertExchange(queue.exchange, 'direct', { durable: true })
      await channel.assertQueue(queue.name, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-message-ttl': 60_000, 'x-max-length': 5 } })
    })
    const broker = openRabbitmqBroker(server.urls, {}, lines)
    brokers.push(broker)
    const differences = await broker.declare([queue])
    const named = (object: string, property: string): TopologyDifference | undefined =>
      differences.find((difference) => difference.object === object && difference.property === property)
    expect(named(`exchange ${queue.exchange}`, 'type')).toMatchObject({ declared: 'topic', actual: 'direct' })
    expect(named(`queue ${queue.name}`, 'x-max-length')).toMatchObject({ declared: 'none', actual: '5' })
    expect(named(`queue ${queue.name}`, 'x-overflow')).toMatchObject({ declared: 'reject-publish', actual: 'none' })
    expect(new Set(differences.map(({ property }) => property)).size).toBe(differences.length)
    expect(differences).toContainEqual({
      queue: queue.name,
      object: `queue ${queue.name}`,
      property: 'x-message-ttl',
      declared: 'none',
      actual: '60000',
    })
    await publish(broker, queue, message())
  })

  test.each([
    ['a wrong password', (port: number) => `amqp://guest:secret-word@127.0.0.1:${port}`],
    ['a virtual host that does not exist', (port: number) => `amqp://guest:guest@127.0.0.1:${port}/nowhere`],
  ])('%s is told at once, without the password', async (_title, url) => {
    const broker = openRabbitmqBroker([url(server.node.port)], {}, lines)
    brokers.push(broker)
    const began = performance.now()
    await expect(broker.declare([queueNamed()])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    expect(performance.now() - began).toBeLessThan(4500)
    expect(JSON.stringify([lines, broker.status()])).not.toContain('secret-word')
  })

  test('with several addresses the next node is used when the first does not answer', async () => {
    const queue = queueNamed()
    const broker = await open([queue], {}, ['amqp://guest:guest@127.0.0.1:1', server.node.url])
    await publish(broker, queue, message())
    expect(broker.status().address).toBe(`amqp://127.0.0.1:${server.node.port}`)
  })

  test('more publishes than may be unconfirmed are refused', async () => {
    const queue = queueNamed()
    const broker = await open([queue], { maxUnconfirmed: 10 })
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => publish(broker, queue, message())))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(40)
    expect(refused[0]?.reason).toMatchObject({ code: 'QUEUE_FULL' })
  })
})

const yes = (): boolean => true
const no = (): boolean => false

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

function queueNamed(): QueueConfig {
  const name = `fault.${randomUUID().slice(0, 8)}`
  return {
    name,
    broker: 'default',
    type: 'direct',
    exchange: name,
    bindings: [name],
    durable: true,
    ttlMs: Infinity,
    deadLetter: true,
    maxLength: Infinity,
    maxBytes: Infinity,
  }
}

const message = (): Message => ({
  id: randomUUID(),
  body: Buffer.from('{"amount":42}'),
  contentType: 'application/json',
  headers: {},
  key: undefined,
  publishedAtMs: Date.now(),
})

const publish = async (broker: Broker | undefined, queue: QueueConfig, one: Message): Promise<void> => {
  await broker?.publish({ exchange: queue.exchange, routingKey: queue.name }, one)
}

function subscribe(broker: Broker, queue: QueueConfig, onDelivery: (delivery: Delivery) => unknown, options: Partial<SubscribeOptions> = {}): void {
  broker.subscribe({ queue: queue.name, prefetch: 20, holdMs: Infinity, exclusive: false, consumer: 'faults', ...options }, (delivery) => {
    void Promise.resolve(onDelivery(delivery)).catch(() => undefined)
  })
}
