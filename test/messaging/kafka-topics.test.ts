import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaBrokerConfig } from '../../config/model.ts'
import type { Broker } from '../../gateway/messaging/broker.ts'
import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { clients, loadLibrary } from '../../gateway/messaging/kafka/library.ts'
import { liveRecords, wholeLog } from '../../gateway/messaging/kafka/log-scan.ts'
import { kafkaCluster, kafkaNote, noKafka } from '../kit/kafka.ts'
import type { KafkaCluster } from '../kit/kafka.ts'
import { until } from '../kit/until.ts'
import { directQueue, message } from '../kit/messages.ts'
import { brokerDeps, counting, kafkaConfig } from './kafka-broker.ts'
import type { LogLine } from './kafka-broker.ts'

const password = 'correct-horse'

describe.skipIf(noKafka)(`Kafka with passwords and topics of its own${kafkaNote}`, () => {
  let cluster: KafkaCluster
  const brokers: Broker[] = []
  const lines: LogLine[] = []
  const config = (differences: Partial<KafkaBrokerConfig> = {}): KafkaBrokerConfig =>
    kafkaConfig(cluster.servers, { sasl: { mechanism: 'PLAIN', username: 'gateway', password }, ...differences })
  const open = (differences: Partial<KafkaBrokerConfig> = {}): Broker => {
    const broker = kafkaBroker(config(differences), brokerDeps(lines))
    brokers.push(broker)
    return broker
  }

  beforeAll(async () => {
    cluster = await kafkaCluster({ user: { name: 'gateway', password } })
  })
  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
  })
  afterAll(() => cluster.stop())

  test('a wrong password is said at once, and stands nowhere', async () => {
    const wrong = 'wrong-horse'
    const broker = open({ sasl: { mechanism: 'PLAIN', username: 'gateway', password: wrong } })
    await expect(broker.declare([directQueue('refused')])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
    const failure = await broker.declare([directQueue('refused')]).catch((error: unknown) => String(error))
    expect(JSON.stringify([failure, broker.status(), lines])).not.toContain(wrong)
  })

  test('with the right one topics are made as declared: retention from the time to live, dead letters compacted', async () => {
    const broker = open({ partitions: 2 })
    const queues = [directQueue('forever'), directQueue('short', { ttlMs: 3_600_000, deadLetter: false })]
    expect(await broker.declare(queues)).toEqual([])
    expect(await broker.declare(queues)).toEqual([])
    const library = await loadLibrary()
    const admin = clients(library, config()).admin()
    const topics = (await admin.listTopics()).filter((topic) => /^(forever|short)/.test(topic))
    expect(topics.toSorted()).toEqual(['forever', 'forever.dlq', 'forever.retry', 'short', 'short.retry'])
    const described = await admin.describeConfigs({
      resources: topics.map((resourceName) => ({ resourceType: library.ConfigResourceTypes.TOPIC, resourceName })),
    })
    const setting = (topic: string, name: string): string | null | undefined =>
      described.find((one) => one.resourceName === topic)?.configs.find((one) => one.name === name)?.value
    expect(setting('forever', 'retention.ms')).toBe('-1')
    expect(setting('short', 'retention.ms')).toBe('3600000')
    expect(setting('forever.dlq', 'cleanup.policy')).toBe('compact')
    await admin.close()
  })

  test('what is there in another shape is reported and left alone', async () => {
    await open({ partitions: 2 }).declare([directQueue('shaped', { ttlMs: 3_600_000, deadLetter: false })])
    const broker = open({ partitions: 4 })
    const differences = await broker.declare([directQueue('shaped', { deadLetter: false })])
    expect(differences).toEqual([
      { queue: 'shaped', object: 'topic shaped', property: 'partitions', declared: '4', actual: '2' },
      { queue: 'shaped', object: 'topic shaped', property: 'retention.ms', declared: '-1', actual: '3600000' },
    ])
    expect(broker.status().differences).toEqual(differences)
  })

  test('more replicas than nodes cannot be had by waiting', async () => {
    await expect(open({ replicas: 3 }).declare([directQueue('replicated')])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
  })

  test('a name that is none for a topic is refused', async () => {
    await expect(open().declare([directQueue('a/b')])).rejects.toMatchObject({ code: 'BROKER_MISCONFIGURED' })
  })

  test('partitions that are added later are read, too', { timeout: 40_000 }, async () => {
    const broker = open({ partitions: 1 })
    const queue = directQueue('growing')
    await broker.declare([queue])
    const consumer = counting(broker, queue.name)
    const publish = async (): Promise<string> => {
      const one = message()
      await broker.publish({ exchange: queue.name, routingKey: queue.name }, one)
      return one.id
    }
    const first = await publish()
    await until('the consumer is there', () => consumer.counts.has(first), 15_000)
    const admin = clients(await loadLibrary(), config()).admin()
    await admin.createPartitions({ topics: [{ name: queue.name, count: 2, assignments: [{ brokerIds: [1] }] }] })
    const ids: string[] = []
    const isUsed = async (): Promise<boolean> => {
      ids.push(await publish())
      const [added] = await admin.listOffsets({ topics: [{ name: queue.name, partitions: [{ partitionIndex: 1, timestamp: -1n }] }] })
      return (added?.partitions[0]?.offset ?? 0n) > 5n
    }
    await until('the producer writes to the new partition too', isUsed, 15_000)
    await until('both partitions are read', () => ids.every((id) => consumer.counts.has(id)), 20_000)
    await admin.close()
  })

  test('bounds that Kafka cannot keep are told once', async () => {
    lines.length = 0
    const broker = open()
    const queue = directQueue('bounded', { durable: false, maxLength: 10 })
    await broker.declare([queue])
    await broker.declare([queue])
    expect(lines.filter((line) => line.level === 'warn').map((line) => line.fields)).toEqual([
      { broker: 'default', queue: 'bounded', ignored: ['durable: false', 'max_length'] },
    ])
  })

  test.each([1, 2, 3, 100])('the live records of a log are found with %i of them in memory at a time', async (window) => {
    const topic = `log-${window}`
    const all = clients(await loadLibrary(), config())
    const admin = all.admin()
    await admin.createTopics({ topics: [{ topic, partitions: 1, replicas: 1 }] })
    const producer = all.producer()
    const write = (key: string, value: string | undefined): Promise<unknown> =>
      producer.send({ messages: [{ topic, key: Buffer.from(key), ...(value === undefined ? {} : { value: Buffer.from(value) }) }] })
    for (const [key, value] of [
      ['a', 'a1'],
      ['b', 'b1'],
      ['c', 'c1'],
      ['a', undefined],
      ['d', 'd1'],
      ['b', 'b2'],
      ['e', ''],
      ['x', undefined],
      ['d', undefined],
      ['a', 'a2'],
    ] as const) {
      await write(key, value)
    }
    const log = await wholeLog(all, topic)
    await write('c', undefined)
    const live: string[] = []
    for await (const record of liveRecords(all, log, window)) live.push(`${record.key?.toString()}=${record.value?.toString()}`)
    // What is written after the question does not change the answer.
    expect(live).toEqual(['c=c1', 'b=b2', 'e=', 'a=a2'])
    await Promise.all([producer.close(), admin.close()])
  })
})
