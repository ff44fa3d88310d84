import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { kafkaCluster, kafkaNote, noKafka } from '../kit/kafka.ts'
import type { KafkaCluster } from '../kit/kafka.ts'
import { until } from '../kit/until.ts'
import { directQueue, message } from '../kit/messages.ts'
import { brokerDeps, counting, kafkaConfig } from './kafka-broker.ts'

describe.skipIf(noKafka)(`a Kafka cluster of three${kafkaNote}`, () => {
  let cluster: KafkaCluster
  beforeAll(async () => {
    cluster = await kafkaCluster({ nodes: 3 })
  }, 120_000)
  afterAll(() => cluster.stop())

  test('a node is killed: publishing and consuming go on with the others, and nothing is lost', { timeout: 90_000 }, async () => {
    const broker = kafkaBroker(kafkaConfig(cluster.servers, { replicas: 3, partitions: 3, publishTimeoutMs: 15_000 }), brokerDeps())
    const queue = directQueue('led')
    await until(
      'all three nodes hold the topic',
      async () => {
        await broker.declare([queue]).catch(() => undefined)
        return broker.publish({ exchange: 'led', routingKey: 'led' }, message()).then(
          () => true,
          () => false,
        )
      },
      60_000,
    )
    const consumer = counting(broker, queue.name)
    const confirmed: string[] = []
    let refused = 0
    let isRunning = true
    const publish = async (): Promise<void> => {
      while (isRunning) {
        const one = message({ key: `key ${confirmed.length % 20}` })
        await broker.publish({ exchange: 'led', routingKey: 'led' }, one).then(
          () => confirmed.push(one.id),
          () => (refused += 1),
        )
      }
    }
    const publishing = Promise.all([publish(), publish(), publish()])
    await until('messages flow', () => consumer.counts.size > 100, 30_000)

    // Each node leads one of the three partitions.
    await cluster.nodes[0]?.kill()
    const killedMs = performance.now()
    const before = confirmed.length
    await until('publishing goes on', () => confirmed.length > before + 300, 30_000)
    expect(performance.now() - killedMs).toBeLessThan(20_000)
    isRunning = false
    await publishing
    expect(refused).toBe(0)
    await until('everything confirmed has come', () => confirmed.every((id) => consumer.counts.has(id)), 40_000)
    await broker.close()
  })
})
