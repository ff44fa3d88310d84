import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaBrokerConfig } from '../../config/model.ts'
import type { Broker } from '../../gateway/messaging/broker.ts'
import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { kafkaCluster, kafkaNote, noKafka } from '../kit/kafka.ts'
import type { KafkaCluster, KafkaNode } from '../kit/kafka.ts'
import { until } from '../kit/until.ts'
import { directQueue, message } from '../kit/messages.ts'
import { brokerDeps, counting, kafkaConfig } from './kafka-broker.ts'

const address = (queue: string): { readonly exchange: string; readonly routingKey: string } => ({ exchange: queue, routingKey: queue })

/** Publishes one message after the other until told to stop; ids of those that were confirmed and of those that were not. */
function publishing(
  broker: Broker,
  queue: string,
  pauseMs: number,
): { readonly confirmed: string[]; readonly refused: unknown[]; stop(): Promise<void> } {
  const confirmed: string[] = []
  const refused: unknown[] = []
  let isRunning = true
  const run = async (): Promise<void> => {
    while (isRunning) {
      const one = message({ key: `key ${confirmed.length % 20}` })
      try {
        await broker.publish(address(queue), one)
        confirmed.push(one.id)
      } catch (error) {
        refused.push(error)
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  const running = Promise.all([run(), run(), run(), run()])
  return {
    confirmed,
    refused,
    async stop() {
      isRunning = false
      await running
    },
  }
}

describe.skipIf(noKafka)(`Kafka and its consumers fail${kafkaNote}`, () => {
  let cluster: KafkaCluster
  const brokers: Broker[] = []
  const open = (differences: Partial<KafkaBrokerConfig> = {}): Broker => {
    const broker = kafkaBroker(kafkaConfig(cluster.servers, differences), brokerDeps())
    brokers.push(broker)
    return broker
  }
  const node = (): KafkaNode => cluster.nodes[0] as KafkaNode
  const depth = async (broker: Broker, queue: string): Promise<number | undefined> =>
    (await broker.stats()).find((stats) => stats.queue === queue)?.depth

  beforeAll(async () => {
    cluster = await kafkaCluster()
  })
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
  })
  afterAll(() => cluster.stop())

  test('consumers join and leave every two seconds under load: nothing is lost and the queue is empty in the end', { timeout: 60_000 }, async () => {
    const queue = directQueue('churn')
    const broker = open({ partitions: 6 })
    await broker.declare([queue])
    const stays = counting(broker, queue.name)
    const load = publishing(broker, queue.name, 5)
    const seen = new Map<string, number>()
    for (let round = 0; round < 4; round += 1) {
      const guest = open({ partitions: 6 })
      await guest.declare([queue])
      const visit = counting(guest, queue.name)
      const end = Date.now() + 2000
      await until('two seconds are over', () => Date.now() > end)
      // Half of them leave without a goodbye to their subscription.
      if (round % 2 === 0) await visit.subscription.stop()
      await guest.close()
      for (const [id, count] of visit.counts) seen.set(id, (seen.get(id) ?? 0) + count)
    }
    await load.stop()
    expect(load.refused).toEqual([])
    await until('the queue is empty', async () => (await depth(broker, queue.name)) === 0, 20_000)
    for (const [id, count] of stays.counts) seen.set(id, (seen.get(id) ?? 0) + count)
    expect(load.confirmed.filter((id) => !seen.has(id))).toEqual([])
    expect(load.confirmed.length).toBeGreaterThan(500)
  })

  test('a consumer process that is killed has committed what it settled and nothing else', { timeout: 60_000 }, async () => {
    const queue = directQueue('killed-consumer')
    const broker = open({ partitions: 1 })
    await broker.declare([queue])
    const settled = [1, 2, 3].map(() => message({ headers: { settle: 'ack' } }))
    const held = [1, 2].map(() => message())
    for (const one of [...settled, ...held]) await broker.publish(address(queue.name), one)

    const child = spawn(process.execPath, [fileURLToPath(new URL('kafka-holder.ts', import.meta.url)), node().server, queue.name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await until('the other process has settled three and holds two', () => output.split('\n').length === 6, 20_000)
    child.kill('SIGKILL')

    const rest = counting(broker, queue.name)
    await until('the session of the killed process has ended', () => rest.counts.size >= 2, 30_000)
    await until('the queue is empty', async () => (await depth(broker, queue.name)) === 0, 10_000)
    expect([...rest.counts.keys()].toSorted()).toEqual(held.map(({ id }) => id).toSorted())
  })

  test('records of others never stop a consumer: binary, null, without headers, with 10,000 of them', { timeout: 30_000 }, async () => {
    const queue = directQueue('poison')
    const broker = open({ partitions: 1 })
    await broker.declare([queue])
    const { Producer } = await import('@platformatic/kafka')
    const producer = new Producer({ clientId: 'someone-else', bootstrapBrokers: [...cluster.servers] })
    const many = new Map(Array.from({ length: 10_000 }, (_, index) => [Buffer.from(`x-${index}`), Buffer.from('v')]))
    const odd = new Map([
      [Buffer.from([0xff, 0xfe]), Buffer.from([0xc3, 0x28])],
      [Buffer.from('__proto__'), Buffer.from('polluted')],
      [Buffer.from('headgate-failures'), Buffer.from('not a number')],
    ])
    await producer.send({
      acks: -1,
      messages: [
        { topic: queue.name, key: Buffer.from([0xff, 0x00]), value: Buffer.from([0xed, 0xa0, 0x80]) },
        { topic: queue.name, key: Buffer.from('tombstone') },
        { topic: queue.name, value: Buffer.alloc(0) },
        { topic: queue.name, value: Buffer.from('many'), headers: many },
        { topic: queue.name, value: Buffer.from('odd'), headers: odd },
      ],
    })
    await producer.close()
    await broker.publish(address(queue.name), message({ id: 'after them' }))

    const bodies = new Map<string, Buffer>()
    broker.subscribe({ queue: queue.name, prefetch: 2, holdMs: Infinity, exclusive: false, consumer: 'test' }, (delivery) => {
      const { message: got, history } = delivery
      bodies.set(got.id, got.body)
      if (got.id === 'after them') void delivery.settle({ outcome: 'ack' })
      // Every record goes once around, so that its copies are tried too.
      else if (history.failures === 0)
        void delivery.settle({ outcome: 'retry', delayMs: 10, attempts: 1, error: { type: 'status_503', message: '' } })
      else void delivery.settle({ outcome: 'dead_letter', reason: 'invalid', attempts: 1, error: { type: 'headers_too_large', message: '' } })
    })
    await until('all are parked', async () => (await broker.stats()).every((stats) => stats.deadLetters === 5 && stats.depth === 0), 20_000)
    expect([...bodies.keys()].toSorted()).toEqual(['after them', ...[0, 1, 2, 3, 4].map((offset) => `poison-0-${offset}`)])
    const shown = await broker.deadLetters.show(queue.name, 'poison-0-0')
    expect(shown?.message.body).toEqual(Buffer.from([0xed, 0xa0, 0x80]))
    expect(Object.keys((await broker.deadLetters.show(queue.name, 'poison-0-3'))?.letter.headers ?? {})).toHaveLength(10_000)
    expect(Object.entries((await broker.deadLetters.show(queue.name, 'poison-0-4'))?.letter.headers ?? {})).toContainEqual(['__proto__', 'polluted'])
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })

  test('a frozen broker: publishes are refused in time, and go on by themselves when it is back', { timeout: 60_000 }, async () => {
    const queue = directQueue('frozen')
    const broker = open({ publishTimeoutMs: 1500 })
    await broker.declare([queue])
    const consumer = counting(broker, queue.name)
    const load = publishing(broker, queue.name, 5)
    await until('messages flow', () => consumer.counts.size > 50, 20_000)
    node().freeze()
    const from = Date.now()
    await until('publishes are refused', () => load.refused.length > 3, 5000)
    expect(Date.now() - from).toBeLessThan(4000)
    expect(load.refused[0]).toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await until('the freeze has lasted longer than a session', () => Date.now() > from + 12_000, 20_000)
    expect(broker.status().state).toBe('connecting')
    node().thaw()
    const before = load.confirmed.length
    await until('publishes are confirmed again', () => load.confirmed.length > before + 50, 10_000)
    await load.stop()
    await until('everything confirmed has come', () => load.confirmed.every((id) => consumer.counts.has(id)), 30_000)
  })

  test('a broker that is killed and comes back: nothing confirmed is lost, consumers come back by themselves', { timeout: 90_000 }, async () => {
    const queue = directQueue('killed')
    const broker = open({ publishTimeoutMs: 2000 })
    await broker.declare([queue])
    const consumer = counting(broker, queue.name)
    const load = publishing(broker, queue.name, 5)
    await until('messages flow', () => consumer.counts.size > 50, 20_000)
    await node().kill()
    await until('publishes are refused', () => load.refused.length > 0, 6000)

    const late = open()
    const startMs = Date.now()
    expect(await late.declare([directQueue('declared-while-away')])).toEqual([])
    expect(Date.now() - startMs).toBeLessThan(7000)
    await expect(late.publish(address('nowhere'), message())).rejects.toMatchObject({ code: 'MESSAGE_UNROUTABLE' })
    expect((await late.stats()).map((stats) => stats.depth)).toEqual([undefined])
    const waiting = counting(late, 'declared-while-away')

    await node().start()
    const before = load.confirmed.length
    await until('publishes are confirmed again', () => load.confirmed.length > before + 50, 20_000)
    await load.stop()
    await until('everything confirmed has come', () => load.confirmed.every((id) => consumer.counts.has(id)), 30_000)
    expect(broker.status()).toMatchObject({ state: 'connected' })
    expect(broker.status().reconnects).toBeGreaterThan(0)

    const first = message()
    await until(
      'the queue that was declared meanwhile takes messages',
      () =>
        late.publish(address('declared-while-away'), first).then(
          () => true,
          () => false,
        ),
      20_000,
    )
    await until('and delivers them', () => waiting.counts.has(first.id), 20_000)
  })
})
