import type { QueueConfig } from '../../config/model.ts'
import type { DeadLetters } from './dead-letter.ts'
import type { Delivery } from './delivery.ts'
import type { Address, Message } from './message.ts'

/**
 * One contract, three implementations: embedded (SQLite), RabbitMQ, Kafka. What every one promises:
 *
 * - `publish` resolves only when the message is stored in every queue it was routed to (fsync, publisher confirm, acks=all).
 * - A message is delivered until it is settled: at least once, in the order of the queue unless retries intervene.
 * - No call throws because the broker is away for a while, except `publish` and `settle`, with BROKER_UNAVAILABLE; subscriptions
 *   come back by themselves. Nothing ends the process.
 * - Memory is bounded: nothing is queued inside the gateway beyond `prefetch` deliveries and the publishes awaiting confirmation.
 */
export interface Broker {
  readonly name: string
  readonly type: 'embedded' | 'rabbitmq' | 'kafka'
  /**
   * Connects, then makes sure that exchanges, queues and bindings exist: makes what is missing, leaves alone what is there, and
   * reports where what is there differs from what is declared. May be called again with another set; queues that are no longer
   * named are left as they are. When the broker is away it resolves after `declareTimeoutMs` with no differences, and declares as soon as the
   * connection stands.
   * @throws {GatewayError} BROKER_MISCONFIGURED when no waiting will help: wrong password, unreadable file, missing package.
   */
  declare(queues: readonly QueueConfig[]): Promise<readonly TopologyDifference[]>
  /**
   * @throws {GatewayError} BROKER_UNAVAILABLE (no confirmation within the time limit: may be stored or not), QUEUE_FULL, BODY_TOO_LARGE,
   * MESSAGE_UNROUTABLE (no queue is bound: nothing was stored).
   */
  publish(address: Address, message: Message): Promise<void>
  /** Begins at once, or as soon as the broker is there. `onDelivery` must not throw. */
  subscribe(options: SubscribeOptions, onDelivery: (delivery: Delivery) => void): Subscription
  readonly deadLetters: DeadLetters
  /** Of the declared queues; `undefined` depth where the broker cannot tell at the moment. Never throws, answers within 5 s. */
  stats(): Promise<readonly QueueStats[]>
  status(): BrokerStatus
  /** Close subscriptions first. Deliveries that were not settled go back. Idempotent. */
  close(): Promise<void>
}

export interface SubscribeOptions {
  readonly queue: string
  /** Unsettled deliveries held at most. */
  readonly prefetch: number
  /** Longest time that a delivery may stay unsettled in milliseconds, for brokers that watch over it; `Infinity` for none. */
  readonly holdMs: number
  /** Only one subscription of all gateways gets deliveries; another one takes over when it ends. For consumers with an order. */
  readonly exclusive: boolean
  /** Name of the consumer: consumer tag, group id, lease owner. */
  readonly consumer: string
}

export interface Subscription {
  /** No new deliveries; those held stay with the consumer. */
  pause(): void
  resume(): void
  /**
   * Takes no more. Deliveries that the broker has handed over but `onDelivery` has not seen go back uncounted. Resolves when no more
   * deliveries come; those held can still be settled until the broker is closed.
   */
  stop(): Promise<void>
}

/** Something that exists in the broker in another shape than declared. */
export interface TopologyDifference {
  readonly queue: string
  /** `exchange payment.process`, `queue payment.process`, `topic payment.process`. */
  readonly object: string
  /** `x-message-ttl`, `type`, `partitions`. */
  readonly property: string
  readonly declared: string
  readonly actual: string
}

export interface QueueStats {
  readonly queue: string
  /** Messages that wait or are in flight, those that wait for a retry included. */
  readonly depth: number | undefined
  /** Publishing time of the oldest of them, milliseconds since the epoch; undefined when empty or unknown. */
  readonly oldestAtMs: number | undefined
  readonly deadLetters: number | undefined
}

export interface BrokerStatus {
  readonly name: string
  readonly type: Broker['type']
  /** `blocked`: connected, and the broker asked publishers to stop. */
  readonly state: 'connecting' | 'connected' | 'blocked' | 'closed'
  /** The node or file in use, without credentials. */
  readonly address: string
  readonly reconnects: number
  /** Publishes confirmed and failed since the start. */
  readonly confirmed: number
  readonly failed: number
  /** Publishes that wait for confirmation. */
  readonly unconfirmed: number
  readonly lastError: string | undefined
  readonly differences: readonly TopologyDifference[]
}

export interface BrokerLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What every implementation needs from the outside. */
export interface BrokerDeps {
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  random(): number
}

/** How long `declare` waits for a broker that is away. */
export const declareTimeoutMs = 5000
