import { expect } from 'vitest'
import type { QueueConfig } from '../../../config/model.ts'
import type { Broker, Subscription } from '../../../gateway/messaging/broker.ts'
import type { Delivery } from '../../../gateway/messaging/delivery.ts'
import type { Settlement } from '../../../gateway/messaging/settlement.ts'
import { until } from '../../kit/until.ts'

/** Longest wait for anything that a broker does by itself; generous, because the cases share the machine. */
export const patienceMs = 15_000

export interface InboxOptions {
  readonly prefetch?: number
  readonly exclusive?: boolean
  readonly consumer?: string
  /** Settles each delivery as it comes; without it a delivery is held until the case settles it. */
  readonly settle?: (delivery: Delivery) => Settlement
}

/** The deliveries of one subscription. */
export interface Inbox {
  readonly subscription: Subscription
  /** Everything that came, oldest first. */
  readonly deliveries: readonly Delivery[]
  ids(): readonly string[]
  /** Waits until `count` have come in all. */
  have(count: number): Promise<readonly Delivery[]>
  /** The next one that no `next` has taken yet. */
  next(): Promise<Delivery>
  stop(): Promise<void>
}

export const ack = (): Settlement => ({ outcome: 'ack' })

export function openInbox(broker: Broker, queue: QueueConfig, options: InboxOptions): Inbox {
  const { prefetch = 10, exclusive = false, consumer = 'suite', settle } = options
  const deliveries: Delivery[] = []
  const settling = new Set<Promise<void>>()
  let taken = 0

  const onDelivery = (delivery: Delivery): void => {
    deliveries.push(delivery)
    if (settle === undefined) return
    // A settlement that the broker could not store comes back as another delivery; the cases count those.
    const settled: Promise<void> = delivery.settle(settle(delivery)).catch(() => undefined)
    settling.add(settled)
    void settled.then(() => settling.delete(settled))
  }
  const subscription = broker.subscribe({ queue: queue.name, prefetch, holdMs: Infinity, exclusive, consumer }, onDelivery)
  const have = async (count: number): Promise<readonly Delivery[]> => {
    await until(`${queue.name} has given ${count} deliveries (so far ${deliveries.length})`, () => deliveries.length >= count, patienceMs)
    return deliveries
  }
  return {
    subscription,
    deliveries,
    ids: () => deliveries.map((delivery) => delivery.message.id),
    have,
    next: async () => {
      taken += 1
      const delivery = (await have(taken))[taken - 1]
      if (delivery === undefined) throw new Error('no delivery')
      return delivery
    },
    stop: async () => {
      await subscription.stop()
      await Promise.all(settling)
    },
  }
}

/** Looks on for a while: what must not happen has not happened. */
export async function stays(count: number, inbox: Inbox, forMs = 250): Promise<void> {
  const end = Date.now() + forMs
  await until('the time to look on is over', () => inbox.deliveries.length !== count || Date.now() > end)
  expect(inbox.deliveries).toHaveLength(count)
}
