import type { Admin } from '@platformatic/kafka'
import type { KafkaBrokerConfig, QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog, TopologyDifference } from '../broker.ts'
import { declareTimeoutMs } from '../broker.ts'
import type { KafkaLibrary } from './library.ts'
import { describeFailure } from './library.ts'
import type { Link } from './link.ts'
import { deadLetterTopic, retryTopic } from './names.ts'
import { declareTopics, topicsReady } from './topology.ts'

/** Sees to it that the topics of the declared queues exist, now or as soon as the cluster answers. */
export interface Declarations {
  /** @throws {GatewayError} BROKER_MISCONFIGURED */
  declare(queues: readonly QueueConfig[]): Promise<readonly TopologyDifference[]>
  /** The cluster answers (again): declares what could not be declared before. */
  catchUp(): Promise<void>
  readonly differences: readonly TopologyDifference[]
}

export interface DeclarationsOptions {
  readonly config: KafkaBrokerConfig
  readonly log: BrokerLog
  readonly link: Link
  opened(): Promise<{ readonly library: KafkaLibrary; readonly admin: Admin }>
}

export function declarations(options: DeclarationsOptions): Declarations {
  const { config, log, link } = options
  const differences = new Map<string, readonly TopologyDifference[]>()
  const warned = new Set<string>()
  let pending: readonly QueueConfig[] = []
  // One after the other: two at once would race for the same topics.
  let last: Promise<unknown> = Promise.resolve()

  const run = async (queues: readonly QueueConfig[]): Promise<readonly TopologyDifference[]> => {
    const { library, admin } = await options.opened()
    const found = await declareTopics(library, admin, config, queues)
    const topics = queues.flatMap((queue) => [queue.name, retryTopic(queue.name), ...(queue.deadLetter ? [deadLetterTopic(queue.name)] : [])])
    await topicsReady(admin, topics, performance.now() + declareTimeoutMs)
    for (const queue of queues) {
      differences.set(
        queue.name,
        found.filter((one) => one.queue === queue.name),
      )
    }
    return found
  }
  const inTurn = async <Result>(action: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(action)
    last = mine.catch(() => undefined)
    return mine
  }
  const warn = (queue: QueueConfig): void => {
    if (warned.has(queue.name)) return
    warned.add(queue.name)
    const ignored = [
      ...(queue.durable ? [] : ['durable: false']),
      ...(queue.maxLength === Infinity ? [] : ['max_length']),
      ...(queue.maxBytes === Infinity ? [] : ['max_size']),
    ]
    if (ignored.length > 0)
      log.warn({ broker: config.name, queue: queue.name, ignored }, 'Kafka cannot bound a topic without losing messages: ignored')
  }
  return {
    async declare(queues) {
      const names = new Set(queues.map((queue) => queue.name))
      for (const name of differences.keys()) if (!names.has(name)) differences.delete(name)
      pending = []
      for (const queue of queues) warn(queue)
      if (queues.length === 0) return []
      if (!(await link.wait(declareTimeoutMs))) {
        pending = queues
        return []
      }
      try {
        return await inTurn(() => run(queues))
      } catch (error) {
        if (error instanceof GatewayError) throw error
        pending = queues
        link.failed(error)
        return []
      }
    },
    async catchUp() {
      if (pending.length === 0) return
      const queues = pending
      pending = []
      try {
        await inTurn(() => run(queues))
      } catch (error) {
        if (error instanceof GatewayError) log.error({ broker: config.name, error: error.message }, 'queues cannot be declared')
        else {
          pending = queues
          link.failed(error)
        }
        log.debug({ broker: config.name, error: describeFailure(error) }, 'queues are not declared yet')
      }
    },
    get differences() {
      return [...differences.values()].flat()
    },
  }
}
