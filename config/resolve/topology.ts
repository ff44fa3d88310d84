import type { EventInput, SubscriberInput } from '../../schemas/events.ts'
import type { QueueInput } from '../../schemas/messaging.ts'
import type { ValidConsumer, ValidInput } from './input.ts'

/** One queue as it counts: declared, or made for a subscriber. */
export interface PlannedQueue {
  readonly name: string
  readonly broker: string | undefined
  readonly type: QueueInput['type']
  readonly exchange: string
  readonly bindings: readonly string[]
  /** Undefined for queues of subscribers. */
  readonly declared: QueueInput | undefined
}

export interface Subscription {
  readonly event: string
  readonly subscriber: string
  readonly input: SubscriberInput
  /** Name of its queue, and of its consumer where it has one. */
  readonly queue: string
}

/** The broker of a queue or event that names none; undefined where that is not clear. */
export const defaultBroker = (brokers: Iterable<string>): string | undefined => {
  const names = [...brokers]
  return names.includes('default') ? 'default' : names.length === 1 ? names[0] : undefined
}

export const subscriptions = (events: Readonly<Record<string, EventInput>>): Subscription[] =>
  Object.entries(events).flatMap(([event, { subscribers }]) =>
    Object.entries(subscribers).map(([subscriber, input]) => ({ event, subscriber, input, queue: input.queue ?? `${event}.${subscriber}` })),
  )

/** What of the language matters for who is bound to what. */
export type Messaging = Pick<ValidInput, 'brokers' | 'queues' | 'consumers' | 'events'>

/**
 * Every queue with the exchange that it is bound to. A queue that a subscriber names joins the exchange of the event, and is of type
 * `topic` then, unless it says otherwise. Without `queues`, a consumer's queue is made with the defaults.
 * @param says Whether somebody wrote this key of a declared queue, as opposed to a default.
 * @param defaults A queue that says nothing.
 */
export const plannedQueues = (input: Messaging, says: (queue: string, key: string) => boolean, defaults: QueueInput): PlannedQueue[] => {
  const events = input.events ?? {}
  const fallback = defaultBroker(Object.keys(input.brokers))
  const subscribed = new Map<string, Subscription[]>()
  for (const subscription of subscriptions(events)) subscribed.set(subscription.queue, [...(subscribed.get(subscription.queue) ?? []), subscription])
  const declared = Object.entries(declaredQueues(input, defaults)).map(([name, queue]) => {
    const taken = subscribed.get(name)?.filter((subscription) => subscription.input.queue !== undefined) ?? []
    const event = events[taken[0]?.event ?? '']
    const type = event !== undefined && !says(name, 'type') ? 'topic' : queue.type
    return {
      name,
      broker: queue.broker ?? fallback,
      type,
      exchange: queue.exchange ?? event?.exchange ?? name,
      bindings: type === 'fanout' ? [] : [...new Set([name, ...(queue.bindings ?? []), ...taken.map((subscription) => subscription.event)])],
      declared: queue,
    }
  })
  const made = [...subscribed.values()].flat().flatMap(({ event, input: subscriber, queue }): PlannedQueue[] =>
    subscriber.queue !== undefined
      ? []
      : [
          {
            name: queue,
            broker: events[event]?.broker ?? fallback,
            type: 'topic',
            exchange: events[event]?.exchange ?? queue,
            bindings: [queue, event],
            declared: undefined,
          },
        ],
  )
  return [...declared, ...made]
}

const declaredQueues = ({ queues, consumers }: Messaging, defaults: QueueInput): Readonly<Record<string, QueueInput>> =>
  queues ?? Object.fromEntries(Object.values(consumers ?? {}).map(({ queue }) => [queue, defaults]))

/** A subscriber with a service is a consumer of a queue of its own. */
export const subscriberConsumer = ({ input, queue }: Subscription): ValidConsumer => {
  const { service, path, method, ...delivery } = input
  return { ...delivery, queue, deliver_to: { method, ...(service !== undefined && { service }), ...(path !== undefined && { path }) } }
}
