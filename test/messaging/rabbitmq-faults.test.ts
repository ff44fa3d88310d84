import type { Channel } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { TopologyDifference } from '../../gateway/messaging/broker.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import { startFaultProxy } from '../kit/fault-proxy.ts'
import { message } from '../kit/messages.ts'
import { openRabbitmqBench, publish, queueNamed, subscribe } from '../kit/rabbitmq-bench.ts'
import type { RabbitmqBench } from '../kit/rabbitmq-bench.ts'
import { rabbitmqSource } from '../kit/rabbitmq.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'

const source = await rabbitmqSource()

describe.skipIf(skips(source))(`faults of RabbitMQ${missing(source)}`, () => {
  let bench: RabbitmqBench
  beforeAll(async () => {
    bench = await openRabbitmqBench()
  })
  afterEach(() => bench.clear())
  afterAll(() => bench.stop())

  describe('row 83: the node is killed', () => {
    test('while connecting: the process lives, and connects when it is back', async () => {
      const queue = queueNamed()
      const pending = Array.from({ length: 5 }, () => bench.open([queue]))
      await bench.server.node.kill()
      await Promise.all(pending)
      await expect(publish(bench.brokers[0], queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
      await bench.server.node.restart()
      for (const broker of bench.brokers) await until('connected', () => broker.status().state === 'connected', 10_000)
      await publish(bench.brokers[0], queue, message())
    })

    test('while publishing and consuming: nothing that was confirmed is lost, and all goes on', async () => {
      const queue = queueNamed()
      const broker = await bench.open([queue])
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
        await bench.server.node.kill()
        const before = confirmed.length
        await until('the loss was noticed', () => broker.status().state === 'connecting')
        await bench.server.node.restart()
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
      const broker = await bench.open([queue])
      subscribe(broker, queue, () => undefined)
      const closing = broker.close()
      await bench.server.node.kill()
      await closing
      expect(broker.status().state).toBe('closed')
      await bench.server.node.restart()
    })

    test('while frozen: publishes fail in time, and close does not wait for it', async () => {
      const queue = queueNamed()
      const broker = await bench.open([queue], { publishTimeoutMs: 500, heartbeatMs: 1000 })
      bench.server.node.freeze()
      try {
        await expect(publish(broker, queue, message())).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
        await until('the heartbeats are missed', () => broker.status().state === 'connecting', 8000)
        const began = performance.now()
        await broker.close()
        expect(performance.now() - began).toBeLessThan(4000)
      } finally {
        bench.server.node.thaw()
      }
    })
  })

  test('a link that is reset, cut and silent: the broker comes back each time', async () => {
    const queue = queueNamed()
    const proxy = await startFaultProxy({ port: bench.server.node.port })
    const broker = await bench.open([queue], { publishTimeoutMs: 1000, heartbeatMs: 1000, connectTimeoutMs: 500 }, [
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
    await bench.server.node.ctl(
      'eval',
      'application:set_env(rabbit, consumer_timeout, 2000), application:set_env(rabbit, channel_tick_interval, 500).',
    )
    const [slow, quick] = [queueNamed(), queueNamed()]
    const broker = await bench.open([slow, quick])
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
    await bench.server.node.ctl(
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
    const broker = await bench.open([queue])
    await bench.foreign((channel) => channel.deleteQueue(`${queue.name}.dlq`))
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
    const broker = await bench.open([queue])
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

  test('row 89: a queue that is deleted is made again, and its consumers and publishers go on', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue])
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
      await bench.foreign(remove)
      await until('a publish is confirmed', () => send().then(yes, no))
      await until('what was confirmed has come', () => ids.every((id) => seen.includes(id)))
    }
  })

  test('row 90: an alarm of the broker stops publishers at once and not consumers, until it is over', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue], { publishTimeoutMs: 2000 })
    const held: Delivery[] = []
    await publish(broker, queue, message())
    subscribe(broker, queue, (delivery) => void held.push(delivery))
    await until('it is delivered', () => held.length === 1)
    await bench.server.node.ctl('set_vm_memory_high_watermark', '0')
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
      await bench.server.node.ctl('set_vm_memory_high_watermark', '0.6')
    }
    await until('publishes are confirmed again', () => publish(broker, queue, message()).then(yes, no), 10_000)
    expect(broker.status()).toMatchObject({ state: 'connected', reconnects: 0 })
  })

  test('objects of another shape are reported, each difference once, and used as they are', async () => {
    const queue = { ...queueNamed(), type: 'topic' as const }
    await bench.foreign(async (channel) => {
      await channel.assertExchange(queue.exchange, 'direct', { durable: true })
      await channel.assertQueue(queue.name, { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-message-ttl': 60_000, 'x-max-length': 5 } })
    })
    const broker = bench.broker()
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
    const broker = bench.broker({}, [url(bench.server.node.port)])
    const began = performance.now()
    await expect(broker.declare([queueNamed()])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    expect(performance.now() - began).toBeLessThan(4500)
    expect(JSON.stringify([bench.lines, broker.status()])).not.toContain('secret-word')
  })

  test('with several addresses the next node is used when the first does not answer', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue], {}, ['amqp://guest:guest@127.0.0.1:1', bench.server.node.url])
    await publish(broker, queue, message())
    expect(broker.status().address).toBe(`amqp://127.0.0.1:${bench.server.node.port}`)
  })

  test('more publishes than may be unconfirmed are refused', async () => {
    const queue = queueNamed()
    const broker = await bench.open([queue], { maxUnconfirmed: 10 })
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => publish(broker, queue, message())))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    expect(refused).toHaveLength(40)
    expect(refused[0]?.reason).toMatchObject({ code: 'QUEUE_FULL' })
  })
})

const yes = (): boolean => true
const no = (): boolean => false
