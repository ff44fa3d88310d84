import type { EventConfig, QueueConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Broker } from './broker.ts'
import type { Message } from './message.ts'

/** Puts messages where their names say: what routes and consumers publish through. */
export interface Publisher {
  /**
   * Resolves when the broker has confirmed.
   * @throws {GatewayError} see `Broker.publish`
   */
  toQueue(queue: string, message: Message): Promise<void>
  /**
   * An event without subscribers is done at once: those that come later do not get it, as with every event before their time.
   * @throws {GatewayError} see `Broker.publish`
   */
  event(name: string, message: Message): Promise<void>
}

export function publisher(brokers: ReadonlyMap<string, Broker>, queues: readonly QueueConfig[], events: readonly EventConfig[]): Publisher {
  const queueNamed = new Map(
    queues.map((queue) => [queue.name, { broker: queue.broker, address: { exchange: queue.exchange, routingKey: queue.name } }]),
  )
  const unheard = new Set(events.filter((event) => event.queues.length === 0).map(({ name }) => name))
  const eventNamed = new Map(
    events.map((event) => [event.name, { broker: event.broker, address: { exchange: event.exchange, routingKey: event.name } }]),
  )
  const publish = async (target: ReturnType<typeof queueNamed.get>, message: Message): Promise<void> => {
    const broker = target === undefined ? undefined : brokers.get(target.broker)
    if (target === undefined || broker === undefined) throw new GatewayError('MESSAGE_UNROUTABLE')
    await broker.publish(target.address, message)
  }
  return {
    toQueue: (queue, message) => publish(queueNamed.get(queue), message),
    event: async (name, message) => {
      if (!unheard.has(name)) await publish(eventNamed.get(name), message)
    },
  }
}
