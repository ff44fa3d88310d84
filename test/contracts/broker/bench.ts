import { randomBytes } from 'node:crypto'
import type { QueueConfig } from '../../../config/model.ts'
import type { Broker } from '../../../gateway/messaging/broker.ts'
import type { Address, Message } from '../../../gateway/messaging/message.ts'
import { directQueue, message } from '../../kit/messages.ts'
import { until } from '../../kit/until.ts'
import { type Inbox, type InboxOptions, openInbox } from './inbox.ts'

/** One store (a file, a server, a cluster) and the way to connect to it. */
export interface BrokerHarness {
  /** A new instance with connections of its own, as another gateway would have. The suite declares and closes it. */
  broker(): Promise<Broker>
  stop(): Promise<void>
  /** `maxMessageBytes` of the brokers above; at least 1 MiB. */
  readonly maxMessageBytes: number
}

/** Where brokers legitimately differ. */
export interface BrokerTraits {
  /** `queue`: messages come in the order of their publishing. `key`: only those of one key do. */
  readonly order: 'queue' | 'key'
  /** A settled delivery never comes again, even if one before it was not settled when the connection ended. */
  readonly settlesSingly: boolean
  /** `max_length` and `max_size` of a queue refuse further messages. */
  readonly refusesWhenFull: boolean
  /** `exclusive` subscriptions: one holder, the next takes over. */
  readonly hasExclusive: boolean
  /** `stats` counts messages that wait for a retry. */
  readonly depthHoldsDelayed: boolean
}

export type Specify = (title: string, run: (bench: Bench) => Promise<void>) => void
export type Cases = (specify: Specify, traits: BrokerTraits) => void

/** What one case works with; everything that it opens is closed with it. */
export interface Bench {
  readonly traits: BrokerTraits
  readonly maxMessageBytes: number
  /** A name of this case alone. */
  unique(name: string): string
  /** A durable direct queue that keeps dead letters, with a name of this case alone. */
  queue(differences?: Partial<QueueConfig>): QueueConfig
  message(differences?: Partial<Message>): Message
  /** A new instance that has declared these queues. */
  open(...queues: readonly QueueConfig[]): Promise<Broker>
  subscribe(broker: Broker, queue: QueueConfig, options?: InboxOptions): Inbox
  /** `count` messages of one key, each confirmed before the next. */
  publishOrdered(broker: Broker, queue: QueueConfig, count: number): Promise<readonly Message[]>
  /** Publishes `count` messages and dead-letters each, oldest first, parked at different milliseconds. */
  park(broker: Broker, queue: QueueConfig, count: number, differences?: Partial<Message>): Promise<readonly Message[]>
  close(): Promise<void>
}

export const addressOf = (queue: QueueConfig): Address => ({ exchange: queue.exchange, routingKey: queue.name })

export function openBench(harness: BrokerHarness, traits: BrokerTraits): Bench {
  const suffix = randomBytes(4).toString('hex')
  const unique = (name: string): string => `case.${suffix}.${name}`
  const brokers: Broker[] = []
  const inboxes: Inbox[] = []

  const subscribe = (broker: Broker, queue: QueueConfig, options: InboxOptions = {}): Inbox => {
    const inbox = openInbox(broker, queue, options)
    inboxes.push(inbox)
    return inbox
  }
  return {
    traits,
    maxMessageBytes: harness.maxMessageBytes,
    unique,
    queue: (differences = {}) => {
      const name = differences.name ?? unique('work')
      const type = differences.type ?? 'direct'
      const bindings = type === 'fanout' ? [] : [name]
      return directQueue(name, { bindings, ...differences, type })
    },
    message,
    open: async (...queues) => {
      const broker = await harness.broker()
      brokers.push(broker)
      await broker.declare(queues)
      return broker
    },
    subscribe,
    publishOrdered: async (broker, queue, count) => {
      const messages = Array.from({ length: count }, () => message({ key: 'one' }))
      for (const one of messages) await broker.publish(addressOf(queue), one)
      return messages
    },
    park: (broker, queue, count, differences = {}) => park(subscribe(broker, queue), broker, queue, count, differences),
    close: async () => {
      await Promise.all(inboxes.map((inbox) => inbox.stop()))
      await Promise.all(brokers.map((broker) => broker.close()))
    },
  }
}

async function park(inbox: Inbox, broker: Broker, queue: QueueConfig, count: number, differences: Partial<Message>): Promise<readonly Message[]> {
  const messages: Message[] = []
  for (let index = 0; index < count; index += 1) {
    const one = message(differences)
    messages.push(one)
    await broker.publish(addressOf(queue), one)
    const delivery = await inbox.next()
    await delivery.settle({ outcome: 'dead_letter', reason: 'rejected', attempts: 1, error: refusal })
    const parkedAtMs = Date.now()
    await until('the clock has gone on', () => Date.now() > parkedAtMs + 1)
  }
  await inbox.stop()
  return messages
}

/** The error of what is parked here where a case does not say another. */
export const refusal = { type: 'status_422', message: 'refused with 422' }

/** Publishes with at most `width` waiting for their confirmation. */
export async function publishAll(broker: Broker, address: Address, messages: readonly Message[], width = 100): Promise<void> {
  const rest = messages.values()
  const lane = async (): Promise<void> => {
    for (const one of rest) await broker.publish(address, one)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

export const idsOf = (messages: readonly { readonly id: string }[]): readonly string[] => messages.map(({ id }) => id)
