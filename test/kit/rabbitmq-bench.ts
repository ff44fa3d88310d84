import { randomUUID } from 'node:crypto'
import { connect } from 'amqplib'
import type { Channel } from 'amqplib'
import type { QueueConfig, RabbitmqBrokerConfig } from '../../config/model.ts'
import type { Broker, SubscribeOptions } from '../../gateway/messaging/broker.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import type { Message } from '../../gateway/messaging/message.ts'
import { directQueue } from './messages.ts'
import { openRabbitmqBroker } from './rabbitmq-broker.ts'
import type { LogLine } from './rabbitmq-broker.ts'
import { startRabbitmq } from './rabbitmq.ts'
import type { RabbitmqServer } from './rabbitmq.ts'

/** One server, the brokers of one test on it, and somebody else who uses it too. */
export interface RabbitmqBench {
  readonly server: RabbitmqServer
  /** What the brokers have logged. */
  readonly lines: readonly LogLine[]
  /** Opened in this test, oldest first. */
  readonly brokers: readonly Broker[]
  /** A broker that has declared nothing yet. */
  broker(differences?: Partial<RabbitmqBrokerConfig>, urls?: readonly string[]): Broker
  open(queues: readonly QueueConfig[], differences?: Partial<RabbitmqBrokerConfig>, urls?: readonly string[]): Promise<Broker>
  /** Runs commands as another program or the administrator would. */
  foreign<T>(commands: (channel: Channel) => Promise<T>): Promise<T>
  /** After each test. */
  clear(): Promise<void>
  stop(): Promise<void>
}

export async function openRabbitmqBench(): Promise<RabbitmqBench> {
  const server = await startRabbitmq()
  const brokers: Broker[] = []
  const lines: LogLine[] = []
  const broker: RabbitmqBench['broker'] = (differences = {}, urls = server.urls) => {
    const one = openRabbitmqBroker(urls, differences, lines)
    brokers.push(one)
    return one
  }
  return {
    server,
    lines,
    brokers,
    broker,
    open: async (queues, differences, urls) => {
      const one = broker(differences, urls)
      await one.declare(queues)
      return one
    },
    foreign: async (commands) => {
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
    },
    clear: async () => {
      lines.length = 0
      await Promise.all(brokers.splice(0).map((one) => one.close()))
    },
    stop: () => server.stop(),
  }
}

/** With a name that no other test has. */
export const queueNamed = (): QueueConfig => directQueue(`fault.${randomUUID().slice(0, 8)}`)

export const publish = async (broker: Broker | undefined, queue: QueueConfig, one: Message): Promise<void> => {
  await broker?.publish({ exchange: queue.exchange, routingKey: queue.name }, one)
}

export function subscribe(
  broker: Broker,
  queue: QueueConfig,
  onDelivery: (delivery: Delivery) => unknown,
  options: Partial<SubscribeOptions> = {},
): void {
  broker.subscribe({ queue: queue.name, prefetch: 20, holdMs: Infinity, exclusive: false, consumer: 'faults', ...options }, (delivery) => {
    void Promise.resolve(onDelivery(delivery)).catch(() => undefined)
  })
}
