import type { Admin } from '@platformatic/kafka'
import type { KafkaBrokerConfig, QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { TopologyDifference } from '../broker.ts'
import type { KafkaLibrary } from './library.ts'
import { describeFailure, isProtocolError } from './library.ts'
import { deadLetterTopic, retryDelaysMs, retryTopic } from './names.ts'

interface TopicSpec {
  readonly queue: string
  readonly topic: string
  readonly partitions: number
  readonly settings: Readonly<Record<string, string>>
}

/** Room for the headers of a message of the largest size. */
const headerBytes = 64 * 1024
/** One request may carry as much for one partition, whatever the size of a message (see `sender.ts`). */
const leastBatchBytes = 1024 * 1024
/** What brokers take in one request. Records of others must find their way into the dead letters whatever their size. */
const copyBytes = 100 * 1024 * 1024
const dayMs = 86_400_000

/**
 * Makes the topics that are missing and tells where those that are there differ.
 * @throws {GatewayError} BROKER_MISCONFIGURED when the cluster will never make them as declared. Other failures as the client throws them.
 */
export async function declareTopics(
  library: KafkaLibrary,
  admin: Admin,
  config: KafkaBrokerConfig,
  queues: readonly QueueConfig[],
): Promise<TopologyDifference[]> {
  const specs = queues.flatMap((queue) => topicSpecs(config, queue))
  const existing = new Set(await admin.listTopics())
  const missing = specs.filter((spec) => !existing.has(spec.topic))
  for (const spec of missing) await create(library, admin, config, spec)
  const present = specs.filter((spec) => existing.has(spec.topic))
  return present.length === 0 ? [] : compare(library, admin, present)
}

function topicSpecs(config: KafkaBrokerConfig, queue: QueueConfig): TopicSpec[] {
  const size = (bytes: number): Record<string, string> => ({ 'max.message.bytes': String(bytes) })
  const specs: TopicSpec[] = [
    {
      queue: queue.name,
      topic: queue.name,
      partitions: config.partitions,
      settings: {
        'cleanup.policy': 'delete',
        'retention.ms': String(retentionMs(queue)),
        ...size(Math.max(leastBatchBytes, config.maxMessageBytes + headerBytes)),
      },
    },
    {
      queue: queue.name,
      topic: retryTopic(queue.name),
      partitions: retryDelaysMs.length,
      settings: { 'cleanup.policy': 'delete', 'retention.ms': '-1', ...size(copyBytes) },
    },
  ]
  if (!queue.deadLetter) return specs
  return [
    ...specs,
    {
      queue: queue.name,
      topic: deadLetterTopic(queue.name),
      // One, so that the letters have an order.
      partitions: 1,
      settings: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.2', ...size(copyBytes) },
    },
  ]
}

/**
 * Retention removes records whether they were handled or not, so it leaves a week beyond the time to live in which expired messages
 * are still parked instead of vanishing. Without dead letters they would be discarded anyway.
 */
function retentionMs(queue: QueueConfig): number {
  if (queue.ttlMs === Infinity) return -1
  return queue.deadLetter ? queue.ttlMs + 7 * dayMs : queue.ttlMs
}

async function create(library: KafkaLibrary, admin: Admin, config: KafkaBrokerConfig, spec: TopicSpec): Promise<void> {
  const configs = Object.entries(spec.settings).map(([name, value]) => ({ name, value }))
  try {
    await admin.createTopics({ topics: [{ topic: spec.topic, partitions: spec.partitions, replicas: config.replicas }], configs })
  } catch (error) {
    // Another gateway was faster.
    if (isProtocolError(library, error, 'TOPIC_ALREADY_EXISTS')) return
    if (
      isProtocolError(
        library,
        error,
        'INVALID_REPLICATION_FACTOR',
        'POLICY_VIOLATION',
        'INVALID_CONFIG',
        'TOPIC_AUTHORIZATION_FAILED',
        'INVALID_TOPIC_EXCEPTION',
      )
    ) {
      throw new GatewayError('BROKER_MISCONFIGURED', {
        detail: `Kafka does not make the topic ${spec.topic} with ${config.replicas} replicas: ${describeFailure(error)}`,
        cause: error,
      })
    }
    throw error
  }
}

async function compare(library: KafkaLibrary, admin: Admin, specs: readonly TopicSpec[]): Promise<TopologyDifference[]> {
  const metadata = await admin.metadata({ topics: specs.map((spec) => spec.topic), forceUpdate: true })
  const described = await admin.describeConfigs({
    resources: specs.map((spec) => ({
      resourceType: library.ConfigResourceTypes.TOPIC,
      resourceName: spec.topic,
      configurationKeys: Object.keys(spec.settings),
    })),
  })
  const settings = new Map(described.map((one) => [one.resourceName, new Map(one.configs.map((entry) => [entry.name, entry.value]))]))
  return specs.flatMap((spec) => {
    const partitions = metadata.topics.get(spec.topic)?.partitionsCount ?? spec.partitions
    const actual = new Map<string, string>([['partitions', String(partitions)]])
    for (const name of Object.keys(spec.settings)) actual.set(name, settings.get(spec.topic)?.get(name) ?? '')
    const declared = { partitions: String(spec.partitions), ...spec.settings }
    return Object.entries(declared).flatMap(([property, value]) => {
      const is = actual.get(property) ?? ''
      return is === value ? [] : [{ queue: spec.queue, object: `topic ${spec.topic}`, property, declared: value, actual: is }]
    })
  })
}

/** Resolves when every partition of the topics has a leader: before, records for them are refused. */
export async function topicsReady(admin: Admin, topics: readonly string[], endMs: number): Promise<void> {
  for (;;) {
    try {
      const metadata = await admin.metadata({ topics: [...topics], forceUpdate: true })
      const led = topics.every((topic) => metadata.topics.get(topic)?.partitions.every((partition) => partition.leader >= 0) === true)
      if (led) return
    } catch (error) {
      if (performance.now() >= endMs) throw error
    }
    if (performance.now() >= endMs) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
