import type { Broker, BrokerDeps } from '../../gateway/messaging/broker.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import type { Message } from '../../gateway/messaging/message.ts'

export const bodyBytes = 1024
export const prefetch = 100
/** Publishes under way at the same time. */
export const publishers = 100

const body = Buffer.alloc(bodyBytes, 'x')

export const quiet: BrokerDeps = {
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  now: Date.now,
  random: Math.random,
}

const message = (index: number): Message => ({
  id: `m-${index}`,
  body,
  contentType: 'application/octet-stream',
  headers: {},
  key: undefined,
  publishedAtMs: Date.now(),
})

/** Publishes `count` messages, {@link publishers} at a time; resolves when all are confirmed. */
export async function publishAll(broker: Broker, queue: string, count: number): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await broker.publish({ exchange: queue, routingKey: queue }, message(next))
    }
  }
  await Promise.all(Array.from({ length: publishers }, work))
}

/** Takes and acknowledges `count` messages; resolves when the last acknowledgement is stored or sent. */
export async function consumeAll(broker: Broker, queue: string, count: number): Promise<void> {
  let settled = 0
  let finish: () => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const done = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  const acknowledge = async (delivery: Delivery): Promise<void> => {
    await delivery.settle({ outcome: 'ack' })
    settled += 1
    if (settled === count) finish()
  }
  const subscription = broker.subscribe({ queue, prefetch, holdMs: Infinity, exclusive: false, consumer: 'bench' }, (delivery) => {
    acknowledge(delivery).catch(fail)
  })
  await done
  await subscription.stop()
}
