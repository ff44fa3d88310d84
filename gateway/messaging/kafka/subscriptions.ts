import type { QueueConfig } from '../../../config/model.ts'
import type { BrokerLog, SubscribeOptions, Subscription } from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Opened } from './connection.ts'
import type { GroupConsumer } from './group-consumer.ts'
import type { Link } from './link.ts'
import { retryRelay } from './retry-relay.ts'
import { subscription } from './subscription.ts'
import type { KafkaSubscription } from './subscription.ts'

/** The subscriptions of one broker, and for each queue that has any one relay that brings its retries back. */
export interface Subscriptions {
  open(options: SubscribeOptions, onDelivery: (delivery: Delivery) => void): Subscription
  close(): Promise<void>
}

export interface SubscriptionsOptions {
  readonly link: Link
  readonly log: BrokerLog
  readonly timeoutMs: number
  opened(): Promise<Opened>
  queue(name: string): QueueConfig | undefined
  now(): number
}

export function subscriptions(options: SubscriptionsOptions): Subscriptions {
  const { link, log, timeoutMs, now } = options
  const open = new Set<KafkaSubscription>()
  const relays = new Map<string, { readonly relay: GroupConsumer; users: number }>()
  const ending = new Set<Promise<unknown>>()
  let closed = false

  const useRelay = ({ clients, sender }: Opened, queue: string): void => {
    const known = relays.get(queue)
    if (known === undefined) relays.set(queue, { relay: retryRelay({ clients, sender, link, log, queue, timeoutMs, now }), users: 1 })
    else known.users += 1
  }
  const leaveRelay = (queue: string): void => {
    const known = relays.get(queue)
    if (known === undefined) return
    known.users -= 1
    if (known.users > 0) return
    relays.delete(queue)
    const end = known.relay.close().finally(() => ending.delete(end))
    ending.add(end)
  }
  const start = async (wanted: SubscribeOptions, onDelivery: (delivery: Delivery) => void): Promise<KafkaSubscription | undefined> => {
    const opened = await options.opened()
    const queue = options.queue(wanted.queue)
    if (closed || queue === undefined) return undefined
    let latest = queue
    const started = subscription(
      {
        clients: opened.clients,
        sender: opened.sender,
        name: wanted.queue,
        queue: () => (latest = options.queue(wanted.queue) ?? latest),
        link,
        log,
        timeoutMs,
        now,
      },
      wanted,
      onDelivery,
    )
    open.add(started)
    useRelay(opened, wanted.queue)
    return started
  }
  return {
    open(wanted, onDelivery) {
      let isPaused = false
      let isStopped = false
      const starting = start(wanted, (delivery) => onDelivery(delivery)).then(
        (started) => {
          if (isPaused) started?.pause()
          return started
        },
        // The client package is missing: `declare` has said so.
        () => undefined,
      )
      return {
        pause() {
          isPaused = true
          void starting.then((started) => started?.pause())
        },
        resume() {
          isPaused = false
          void starting.then((started) => started?.resume())
        },
        async stop() {
          const started = await starting
          if (started === undefined || isStopped) return
          isStopped = true
          await started.stop()
          leaveRelay(wanted.queue)
          void started.left.then(() => open.delete(started))
        },
      }
    },
    async close() {
      closed = true
      await Promise.all([...open].map((one) => one.close()))
      await Promise.all([...[...relays.values()].map(({ relay }) => relay.close()), ...ending])
      relays.clear()
    },
  }
}
