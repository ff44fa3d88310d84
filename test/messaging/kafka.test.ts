import { describe } from 'vitest'
import { kafkaBroker } from '../../gateway/messaging/kafka/broker.ts'
import { describeBroker } from '../contracts/broker-suite.ts'
import { kafkaCluster, kafkaNote, noKafka } from '../kit/kafka.ts'
import { brokerDeps, kafkaConfig } from './kafka-broker.ts'

describe.skipIf(noKafka)(`with a real Kafka${kafkaNote}`, () => {
  describeBroker(
    'Kafka',
    async () => {
      const cluster = await kafkaCluster()
      const config = kafkaConfig(cluster.servers)
      return { broker: async () => kafkaBroker(config, brokerDeps()), stop: () => cluster.stop(), maxMessageBytes: config.maxMessageBytes }
    },
    // Order is kept within a partition, and so for a key; a commit says "everything before" and so settles in order; nothing bounds a topic
    // without losing messages; a partition belongs to one member of the group, whether it asks for that or not.
    { order: 'key', settlesSingly: false, refusesWhenFull: false, hasExclusive: false },
  )
})
