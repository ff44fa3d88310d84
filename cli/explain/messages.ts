import type { BrokerConfig, ConsumerConfig, GatewayConfig, QueueConfig, RouteTarget } from '../../config/model.ts'
import type { LoadResult } from '../../config/load.ts'
import { bindingMatches } from '../../config/values/binding.ts'
import { deliveryText } from '../render/delivery.ts'
import { childPointer } from '../render/pointers.ts'
import { type DeliveryWorstCase, deliveryWorstCase } from './delivery-worst-case.ts'
import { consumerPolicies, queuePolicies } from './message-policies.ts'
import { type ExplainedOperation, explainedOperation } from './operation.ts'
import { originText } from './origins.ts'
import type { OriginatedPolicy } from './originated.ts'
import { originated } from './originated.ts'

export interface ExplainedConsumer {
  readonly name: string
  /** Where it is declared. */
  readonly origin: string
  readonly target: string
  /** What is called, for consumers that deliver to an integration. */
  readonly operation: ExplainedOperation | undefined
  readonly policies: readonly OriginatedPolicy[]
  readonly worstCase: DeliveryWorstCase
}

/** A queue that gets the message, and who takes it from there. */
export interface ExplainedQueue {
  readonly name: string
  readonly origin: string
  readonly broker: { readonly name: string; readonly type: BrokerConfig['type'] }
  readonly deadLetter: boolean
  readonly ttlMs: number
  readonly policies: readonly OriginatedPolicy[]
  readonly consumers: readonly ExplainedConsumer[]
}

/** Where the message of a rule goes; empty for rules that store none. */
export const explainedQueues = (config: GatewayConfig, result: LoadResult, target: RouteTarget): ExplainedQueue[] =>
  reached(config, target).map((queue) => explainedQueue(config, result, queue))

const reached = ({ queues, events }: GatewayConfig, target: RouteTarget): readonly QueueConfig[] => {
  if (target.type === 'events') {
    const names = new Set(events.filter(({ name }) => target.events.includes(name)).flatMap((event) => event.queues))
    return queues.filter(({ name }) => names.has(name))
  }
  const direct = target.type === 'queue' ? queues.find(({ name }) => name === target.queue) : undefined
  return direct === undefined
    ? []
    : queues.filter((queue) => queue.broker === direct.broker && queue.exchange === direct.exchange && gets(queue, direct.name))
}

const gets = ({ type, bindings }: QueueConfig, key: string): boolean =>
  type === 'fanout' || bindings.some((binding) => (type === 'topic' ? bindingMatches(binding, key) : binding === key))

const explainedQueue = (config: GatewayConfig, result: LoadResult, queue: QueueConfig): ExplainedQueue => {
  const pointer = declaredAt(config, result, 'queues', queue.name)
  return {
    name: queue.name,
    origin: originText(result.effective?.originOf(pointer)),
    broker: { name: queue.broker, type: config.brokers.find(({ name }) => name === queue.broker)?.type ?? 'embedded' },
    deadLetter: queue.deadLetter,
    ttlMs: queue.ttlMs,
    policies: originated(queuePolicies(queue, pointer), result),
    consumers: config.consumers.filter((consumer) => consumer.queue === queue.name).map((consumer) => explainedConsumer(config, result, consumer)),
  }
}

const explainedConsumer = (config: GatewayConfig, result: LoadResult, consumer: ConsumerConfig): ExplainedConsumer => ({
  name: consumer.name,
  origin: consumer.origin,
  target: deliveryText(consumer.deliverTo),
  operation: explainedOperation(config, result, consumer.deliverTo),
  policies: originated(consumerPolicies(consumer, declaredAt(config, result, 'consumers', consumer.name)), result),
  worstCase: deliveryWorstCase(consumer),
})

/** JSON Pointer of what declares a queue or consumer: an entry of its own, or the subscriber that it was made for. */
const declaredAt = ({ events }: GatewayConfig, { effective }: LoadResult, section: 'queues' | 'consumers', name: string): string => {
  const own = childPointer(`/${section}`, name)
  if (effective === undefined || effective.originOf(own) !== undefined) return own
  const made = events
    .filter((event) => name.startsWith(`${event.name}.`))
    .map((event) => childPointer(`${childPointer('/events', event.name)}/subscribers`, name.slice(event.name.length + 1)))
  return made.find((pointer) => effective.originOf(pointer) !== undefined) ?? own
}
