import type { KafkaBrokerConfig, QueueConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { Broker, BrokerDeps, QueueStats } from '../broker.ts'
import { exchangeRouting } from '../exchange-routing.ts'
import { connection } from './connection.ts'
import { kafkaDeadLetters } from './dead-letters.ts'
import { declarations } from './declarations.ts'
import { describeFailure } from './library.ts'
import { checkTopicName } from './names.ts'
import { newRecord } from './records.ts'
import { statistics } from './statistics.ts'
import type { Statistics } from './statistics.ts'
import { subscriptions } from './subscriptions.ts'

const statsTimeoutMs = 4500

/**
 * A queue is a topic of its name; beside it stand `<queue>.retry`, where messages wait for another delivery, and the compacted
 * `<queue>.dlq`. Exchanges are ours: who is bound is decided when a message is published, and one request writes to all of them.
 */
export function kafkaBroker(config: KafkaBrokerConfig, deps: BrokerDeps): Broker {
  const { log } = deps
  let queues: ReadonlyMap<string, QueueConfig> = new Map()
  let routing = exchangeRouting([])
  let counted: Statistics | undefined
  let confirmed = 0
  let failed = 0
  let unconfirmed = 0
  let closing: Promise<void> | undefined

  const cluster = connection(config, log, () => void declared.catchUp())
  const { link, opened } = cluster
  const declared = declarations({
    config,
    log,
    link,
    opened: async () => {
      const { admin, clients } = await opened()
      return { admin, library: clients.library }
    },
  })
  const subscribed = subscriptions({
    opened,
    link,
    log,
    timeoutMs: config.publishTimeoutMs,
    queue: (name) => queues.get(name),
    now: () => deps.now(),
  })
  const store = async (targets: readonly string[], toRecords: () => Parameters<typeof send>[0]): Promise<void> => {
    unconfirmed += 1
    try {
      await send(toRecords())
      confirmed += 1
    } catch (error) {
      failed += 1
      log.debug({ broker: config.name, queues: targets, error: describeFailure(error) }, 'publish failed')
      throw error
    } finally {
      unconfirmed -= 1
    }
  }
  const send = async (records: readonly ReturnType<typeof newRecord>[]): Promise<void> => {
    const startMs = performance.now()
    const { sender } = await opened()
    await sender.send(records, config.publishTimeoutMs - (performance.now() - startMs))
  }
  const close = async (): Promise<void> => {
    await subscribed.close()
    await cluster.close()
  }
  return {
    name: config.name,
    type: 'kafka',
    async declare(wanted) {
      for (const queue of wanted) checkTopicName(queue)
      queues = new Map(wanted.map((queue) => [queue.name, queue]))
      routing = exchangeRouting(wanted)
      await opened()
      const differences = await declared.declare(wanted)
      if (link.state !== 'connected' && cluster.refusal !== undefined) throw cluster.refusal
      return differences
    },
    async publish(address, message) {
      const targets = routing.queuesFor(address.exchange, address.routingKey)
      if (targets.length === 0) throw new GatewayError('MESSAGE_UNROUTABLE')
      if (message.body.length > config.maxMessageBytes) throw new GatewayError('BODY_TOO_LARGE')
      if (closing !== undefined) throw new GatewayError('BROKER_UNAVAILABLE')
      if (unconfirmed >= config.maxUnconfirmed) throw new GatewayError('QUEUE_FULL', { detail: 'Too many messages wait for their confirmation.' })
      await store(targets, () => targets.map((queue) => newRecord(queue, address, message)))
    },
    subscribe: (options, onDelivery) => subscribed.open(options, onDelivery),
    deadLetters: kafkaDeadLetters({
      clients: async () => (await opened()).clients,
      sender: async () => (await opened()).sender,
      link,
      timeoutMs: config.publishTimeoutMs,
      keeps: (queue) => queues.get(queue)?.deadLetter === true,
      now: () => deps.now(),
    }),
    async stats() {
      const all = [...queues.values()]
      if (link.state !== 'connected' || closing !== undefined) return all.map((queue) => unknownStats(queue.name))
      const { clients, admin } = await opened()
      counted ??= statistics(clients, admin)
      const of = counted.of
      return Promise.all(all.map(async (queue) => within(of(queue), unknownStats(queue.name))))
    },
    status: () => ({
      name: config.name,
      type: 'kafka',
      state: closing === undefined ? link.state : 'closed',
      address: config.servers.join(', '),
      reconnects: link.reconnects,
      confirmed,
      failed,
      unconfirmed,
      lastError: link.lastError,
      differences: declared.differences,
    }),
    close: () => (closing ??= close()),
  }
}

const unknownStats = (queue: string): QueueStats => ({ queue, depth: undefined, oldestAtMs: undefined, deadLetters: undefined })

/** The answer, or `otherwise` when there is none in time. */
async function within(answer: Promise<QueueStats>, otherwise: QueueStats): Promise<QueueStats> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<QueueStats>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), statsTimeoutMs)
  })
  try {
    return await Promise.race([answer, late])
  } catch {
    return otherwise
  } finally {
    clearTimeout(timer)
  }
}
