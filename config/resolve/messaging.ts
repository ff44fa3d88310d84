import { type QueueInput, queue as queueSchema } from '../../schemas/messaging.ts'
import type { BrokerConfig, EventConfig, GatewayConfig, MessagingConfig, OrderBy, QueueConfig } from '../model.ts'
import type { Tree } from '../source/tree.ts'
import { bindingMatches } from '../values/binding.ts'
import { resolveBroker } from './broker.ts'
import { resolveConsumer, resolveOrder } from './consumer.ts'
import type { ValidInput } from './input.ts'
import { resolveJobStore } from './job-store.ts'
import { readBytes, readDurationMs } from './readers.ts'
import type { TlsTexts } from './tls.ts'
import { defaultBroker, type PlannedQueue, plannedQueues, type Subscription, subscriberConsumer, subscriptions } from './topology.ts'

/** A queue that says nothing. */
export const queueDefaults: QueueInput = {
  type: queueSchema.properties.type.default,
  durable: queueSchema.properties.durable.default,
  ttl: queueSchema.properties.ttl.default,
  dead_letter: queueSchema.properties.dead_letter.default,
  max_size: queueSchema.properties.max_size.default,
}

/** What reading the files that the configuration names has brought. */
export interface MessagingFiles {
  /** PEM texts by name of the broker. */
  readonly brokerTls: ReadonlyMap<string, TlsTexts>
  /** PEM texts of the store for statuses and keys. */
  readonly storeTls: TlsTexts
  /** JSON Schemas of `schema_file` by name of the event. */
  readonly schemas: ReadonlyMap<string, unknown>
}

type Resolved = Pick<GatewayConfig, 'messaging' | 'brokers' | 'queues' | 'consumers' | 'events'>

/** @param cwd What relative file names refer to; absolute. */
export const resolveMessaging = (tree: Tree, input: ValidInput, files: MessagingFiles, cwd: string): Resolved => {
  const planned = plannedQueues(input, (queue, key) => tree.isWritten(['queues', queue, key]), queueDefaults)
  const subscribed = subscriptions(input.events ?? {})
  const orders = declaredOrders(input, subscribed)
  const queues = planned.map((queue) => resolveQueue(queue, orders.get(queue.name)))
  const events = resolveEvents(input, queues, files.schemas)
  return {
    messaging: resolveStatus(input.messaging, files.storeTls, cwd),
    brokers: resolveBrokers(input, queues, events, files.brokerTls, cwd),
    queues,
    consumers: [
      ...Object.entries(input.consumers ?? {}).map(([name, consumer]) =>
        resolveConsumer(name, consumer, originOf(tree, ['consumers', name]), events),
      ),
      ...subscribed
        .filter(({ input: { queue } }) => queue === undefined)
        .map((subscription) => {
          const { event, subscriber, queue } = subscription
          return resolveConsumer(queue, subscriberConsumer(subscription), originOf(tree, ['events', event, 'subscribers', subscriber]), events)
        }),
    ],
    events,
  }
}

const originOf = (tree: Tree, steps: readonly string[]): string => {
  const { file, line, column } = tree.keyLocation(steps)
  return `${file}:${line}:${column}`
}

const resolveStatus = ({ status_path: path, status_ttl: ttl, store }: ValidInput['messaging'], tls: TlsTexts, cwd: string): MessagingConfig => ({
  statusPath: path.replace(/\/$/, ''),
  statusTtlMs: readDurationMs(ttl),
  store: resolveJobStore(store, tls, cwd),
})

/** Only brokers that something uses: nobody is connected to for nothing, and no file appears beside a gateway without messages. */
const resolveBrokers = (
  { brokers }: ValidInput,
  queues: readonly QueueConfig[],
  events: readonly EventConfig[],
  tls: MessagingFiles['brokerTls'],
  cwd: string,
): BrokerConfig[] => {
  const used = new Set([...queues, ...events].map(({ broker }) => broker))
  return Object.entries(brokers)
    .filter(([name]) => used.has(name))
    .map(([name, broker]) => resolveBroker(name, broker, tls.get(name) ?? {}, cwd))
}

const resolveQueue = (
  { name, broker, type, exchange, bindings, declared = queueDefaults }: PlannedQueue,
  orderBy: OrderBy | undefined,
): QueueConfig => ({
  name,
  broker: known(broker),
  type,
  exchange,
  bindings,
  durable: declared.durable,
  ttlMs: readDurationMs(declared.ttl),
  deadLetter: declared.dead_letter,
  maxLength: declared.max_length ?? Number.POSITIVE_INFINITY,
  maxBytes: readBytes(declared.max_size),
  ...(orderBy && { orderBy }),
  ...(declared.purpose !== undefined && { purpose: declared.purpose }),
})

const known = (broker: string | undefined): string => {
  if (broker === undefined) throw new TypeError('a queue or event was accepted without a broker')
  return broker
}

/** Where the key of a message is, by queue: consumers of one queue agree. */
const declaredOrders = ({ consumers }: ValidInput, subscribed: readonly Subscription[]): Map<string, OrderBy> => {
  const orders = new Map<string, OrderBy>()
  for (const { queue, order_by: order } of Object.values(consumers ?? {})) if (order !== undefined) orders.set(queue, resolveOrder(order))
  for (const { queue, input } of subscribed)
    if (input.order_by !== undefined && input.queue === undefined) orders.set(queue, resolveOrder(input.order_by))
  return orders
}

const resolveEvents = ({ events, brokers }: ValidInput, queues: readonly QueueConfig[], schemas: ReadonlyMap<string, unknown>): EventConfig[] =>
  Object.entries(events ?? {}).map(([name, event]) => {
    const broker = known(event.broker ?? defaultBroker(Object.keys(brokers)))
    const schema = event.schema ?? schemas.get(name)
    return {
      name,
      broker,
      exchange: event.exchange,
      publishers: event.publishers,
      ...(schema !== undefined && { schema }),
      queues: queues
        .filter((queue) => queue.broker === broker && queue.exchange === event.exchange && queue.bindings.some((one) => bindingMatches(one, name)))
        .map((queue) => queue.name),
    }
  })
