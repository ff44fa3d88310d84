import type { Channel } from 'amqplib'
import type { QueueConfig, RabbitmqBrokerConfig } from '../../../config/model.ts'
import { deadLetterQueueOf, delayQueueOf, dueQueueOf } from './names.ts'

export type Argument = string | number | boolean

/** A queue or exchange as it is declared. */
export interface Shape {
  readonly kind: 'queue' | 'exchange'
  readonly name: string
  /** `durable`, `type` and the arguments. */
  readonly properties: Readonly<Record<string, Argument>>
}

/**
 * So high that only a message that ends every gateway before it can be counted there ever meets it; the broker then parks it by itself.
 * Set in any case, because newer brokers have a low default.
 */
const deliveryLimit = 100
/** For queues whose messages are looked at again and again. */
const noDeliveryLimit = 2_000_000_000
/** Longest time to live that the broker takes, in milliseconds. */
export const longestTtlMs = 2 ** 32 - 1

export const exchangeShape = (queue: QueueConfig): Shape => ({
  kind: 'exchange',
  name: queue.exchange,
  properties: { type: queue.type, durable: true },
})

export function queueShape(queue: QueueConfig, queueType: RabbitmqBrokerConfig['queueType']): Shape {
  const isQuorum = queue.durable && queueType === 'quorum'
  return {
    kind: 'queue',
    name: queue.name,
    properties: {
      durable: queue.durable,
      'x-queue-type': isQuorum ? 'quorum' : 'classic',
      // A full queue refuses: dropping the oldest message would lose what was confirmed.
      'x-overflow': 'reject-publish',
      ...(queue.ttlMs <= longestTtlMs ? { 'x-message-ttl': queue.ttlMs } : {}),
      ...(queue.maxLength === Infinity ? {} : { 'x-max-length': queue.maxLength }),
      ...(queue.maxBytes === Infinity ? {} : { 'x-max-length-bytes': queue.maxBytes }),
      ...(isQuorum ? { 'x-delivery-limit': deliveryLimit } : {}),
      ...(queue.deadLetter ? deadLettering(deadLetterQueueOf(queue.name), isQuorum) : {}),
    },
  }
}

/** Dead letters outlive their broker's restart even where their queue does not. */
export const deadLetterShape = (queue: string, queueType: RabbitmqBrokerConfig['queueType']): Shape => ({
  kind: 'queue',
  name: deadLetterQueueOf(queue),
  properties: { durable: true, 'x-queue-type': queueType, ...(queueType === 'quorum' ? { 'x-delivery-limit': noDeliveryLimit } : {}) },
})

/** Consumed together with the queue; unbounded, because what is in it was in the queue before. */
export const dueShape = (queue: string): Shape => ({
  kind: 'queue',
  name: dueQueueOf(queue),
  properties: { durable: true, 'x-queue-type': 'quorum', 'x-delivery-limit': deliveryLimit, ...deadLettering(deadLetterQueueOf(queue), false) },
})

/** A quorum queue whatever the type of the queue it serves: only those hand on with confirmation. */
export const delayShape = (queue: string, rungMs: number): Shape => ({
  kind: 'queue',
  name: delayQueueOf(queue, rungMs),
  properties: {
    durable: true,
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-message-ttl': rungMs,
    'x-delivery-limit': noDeliveryLimit,
    ...deadLettering(dueQueueOf(queue), true),
  },
})

/** Through the default exchange, which knows every queue by its name. */
const deadLettering = (queue: string, confirmed: boolean): Record<string, Argument> => ({
  'x-dead-letter-exchange': '',
  'x-dead-letter-routing-key': queue,
  ...(confirmed ? { 'x-dead-letter-strategy': 'at-least-once' } : {}),
})

/** @throws What the broker refuses it with. */
export async function assertShape(channel: Channel, { kind, name, properties }: Shape): Promise<void> {
  const { durable, type, auto_delete: autoDelete, internal, ...args } = properties
  const common = { durable: durable === true, autoDelete: autoDelete === true, arguments: args }
  if (kind === 'queue') await channel.assertQueue(name, common)
  else await channel.assertExchange(name, String(type), { ...common, internal: internal === true })
}

/** @throws When there is none of this name. */
export async function checkShape(channel: Channel, { kind, name }: Shape): Promise<void> {
  if (kind === 'queue') await channel.checkQueue(name)
  else await channel.checkExchange(name)
}
