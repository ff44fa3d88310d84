import { join } from 'node:path'
import type { EmbeddedBrokerConfig } from '../../config/model.ts'
import { openBroker } from '../../gateway/messaging/brokers.ts'
import type { Broker } from '../../gateway/messaging/broker.ts'
import type { DeadLetterReason, FailureNote } from '../../gateway/messaging/settlement.ts'
import { directQueue } from './messages.ts'

/** A message that shall end as a dead letter. */
export interface Parked {
  readonly id: string
  readonly body?: string | Buffer
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly reason?: DeadLetterReason
  readonly error?: FailureNote
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** An embedded broker on `messages.db` in `folder`, or on the file that is named, with its queues declared. */
export const brokerIn = async (folder: string, queues: readonly string[], file = 'messages.db'): Promise<Broker> => {
  const config: EmbeddedBrokerConfig = {
    name: 'default',
    type: 'embedded',
    path: join(folder, file),
    maxMessageBytes: 16 * 1024 * 1024,
    publishTimeoutMs: 5000,
    maxUnconfirmed: 1000,
  }
  const broker = await openBroker(config, { log: silent, now: Date.now, random: Math.random })
  await broker.declare(queues.map((name) => directQueue(name)))
  return broker
}

/** Publishes `messages`, one after the other, and settles each as a dead letter, as a consumer would. */
export const park = async (broker: Broker, queue: string, messages: readonly Parked[]): Promise<void> => {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const settled: Promise<void>[] = []
  const allSeen = Promise.withResolvers<void>()
  const options = { queue, prefetch: 100, holdMs: Number.POSITIVE_INFINITY, exclusive: false, consumer: 'parking' }
  const subscription = broker.subscribe(options, (delivery) => {
    const { reason = 'failed', error = { type: 'status_503', message: 'the service answered 503' } } = byId.get(delivery.message.id) ?? {}
    settled.push(delivery.settle({ outcome: 'dead_letter', reason, attempts: 3, error }))
    if (settled.length === messages.length) allSeen.resolve()
  })
  for (const { id, body = 'body', contentType, headers = {} } of messages)
    await broker.publish(
      { exchange: queue, routingKey: queue },
      { id, body: Buffer.from(body), contentType, headers, key: undefined, publishedAtMs: Date.now() },
    )
  await allSeen.promise
  await Promise.all(settled)
  await subscription.stop()
}
