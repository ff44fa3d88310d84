import type { QueueConfig, RabbitmqBrokerConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import { declareTimeoutMs } from '../broker.ts'
import type { Broker, BrokerDeps, BrokerStatus, QueueStats, SubscribeOptions, Subscription, TopologyDifference } from '../broker.ts'
import type { DeadLetters } from '../dead-letter.ts'
import type { Delivery } from '../delivery.ts'
import type { Address, Message } from '../message.ts'
import { nodeAddresses } from './address.ts'
import { Courier } from './courier.ts'
import { RabbitmqDeadLetters } from './dead-letters.ts'
import { hasCode, unavailable } from './failure.ts'
import { Gauge } from './gauge.ts'
import type { Held } from './gauge.ts'
import { Link } from './link.ts'
import { Locks } from './locks.ts'
import { Outbox } from './outbox.ts'
import { RabbitmqSubscription } from './subscription.ts'
import { Topology } from './topology.ts'
import { parcelOf } from './wire.ts'

/** RabbitMQ's own limit unless its administrator changes it: a delivery that is held longer is taken back. */
const usualHoldLimitMs = 30 * 60_000

/**
 * RabbitMQ, a single node or a cluster. Publishing and consuming have a connection each: the broker may stop reading from a publisher, and
 * must still get our acknowledgements then. Nothing connects before it is needed.
 */
export function rabbitmqBroker(config: RabbitmqBrokerConfig, deps: BrokerDeps): Broker {
  return new RabbitmqBroker(config, deps)
}

class RabbitmqBroker implements Broker {
  readonly type = 'rabbitmq'
  readonly name: string
  readonly deadLetters: DeadLetters
  readonly #config: RabbitmqBrokerConfig
  readonly #deps: BrokerDeps
  readonly #publishing: Link
  readonly #consuming: Link
  readonly #topology: Topology
  readonly #outbox: Outbox
  readonly #courier: Courier
  readonly #locks: Locks
  readonly #gauge: Gauge
  readonly #subscriptions = new Set<RabbitmqSubscription>()
  #closed: Promise<void> | undefined

  constructor(config: RabbitmqBrokerConfig, deps: BrokerDeps) {
    this.#config = config
    this.#deps = deps
    this.name = config.name
    const nodes = nodeAddresses(config)
    const common = { broker: config.name, nodes, connectTimeoutMs: config.connectTimeoutMs }
    this.#publishing = new Link({ ...common, role: 'publish' }, deps)
    this.#consuming = new Link({ ...common, role: 'consume' }, deps)
    this.#topology = new Topology(config, this.#consuming, deps)
    this.#locks = new Locks(this.#consuming)
    const timeoutMs = config.publishTimeoutMs
    const onMissing = (): void => void this.#topology.restore()
    this.#outbox = new Outbox(this.#publishing, { timeoutMs, maxUnconfirmed: config.maxUnconfirmed, onMissing })
    // Bounded by the deliveries that are held, and by the rounds of a replay.
    const copies = new Outbox(this.#publishing, { timeoutMs, maxUnconfirmed: Infinity, onMissing })
    this.#courier = new Courier(copies, this.#topology, deps)
    this.#gauge = new Gauge(this.#consuming, this.#topology, (queue) => this.#held(queue))
    this.deadLetters = new RabbitmqDeadLetters({
      link: this.#consuming,
      locks: this.#locks,
      outbox: copies,
      topology: this.#topology,
      deps,
      start: () => this.#publishing.start(),
      timeoutMs: declareTimeoutMs,
    })
  }

  async declare(queues: readonly QueueConfig[]): Promise<readonly TopologyDifference[]> {
    if (this.#closed !== undefined) return []
    this.#publishing.start()
    const began = performance.now()
    const differences = await this.#topology.declare(queues, declareTimeoutMs)
    await this.#publishing.ready(Math.max(0, declareTimeoutMs - (performance.now() - began)))
    return differences
  }

  async publish(address: Address, message: Message): Promise<void> {
    if (message.body.length > this.#config.maxMessageBytes) throw new GatewayError('BODY_TOO_LARGE')
    if (this.#closed !== undefined) throw unavailable('the broker is closed')
    this.#publishing.start()
    this.#consuming.start()
    if (!(await this.#topology.hasExchange(address.exchange))) await this.#restored(address)
    const parcel = parcelOf(address, message)
    try {
      await this.#outbox.send(parcel)
    } catch (error) {
      if (!hasCode(error, 'MESSAGE_UNROUTABLE')) throw error
      // The queue may have been deleted under us.
      await this.#restored(address)
      await this.#outbox.send(parcel)
    }
  }

  subscribe(options: SubscribeOptions, onDelivery: (delivery: Delivery) => void): Subscription {
    this.#publishing.start()
    if (options.holdMs !== Infinity && options.holdMs > usualHoldLimitMs)
      this.#deps.log.warn(
        { broker: this.name, queue: options.queue, consumer: options.consumer, holdMs: options.holdMs },
        'a delivery may be held longer than RabbitMQ permits by default: raise consumer_timeout there',
      )
    const subscription = new RabbitmqSubscription(options, onDelivery, {
      link: this.#consuming,
      topology: this.#topology,
      locks: this.#locks,
      courier: this.#courier,
      deps: this.#deps,
    })
    this.#subscriptions.add(subscription)
    void subscription.ended.then(() => this.#subscriptions.delete(subscription))
    return subscription
  }

  stats(): Promise<readonly QueueStats[]> {
    return this.#gauge.stats()
  }

  status(): BrokerStatus {
    return {
      name: this.name,
      type: this.type,
      state: this.#state(),
      address: this.#consuming.address,
      reconnects: reconnects(this.#publishing) + reconnects(this.#consuming),
      confirmed: this.#outbox.confirmed,
      failed: this.#outbox.failed,
      unconfirmed: this.#outbox.unconfirmed,
      lastError: this.#consuming.lastError ?? this.#publishing.lastError,
      differences: this.#topology.differences,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const subscriptions = [...this.#subscriptions]
    await Promise.all(subscriptions.map((subscription) => subscription.end()))
    await Promise.all([this.#publishing.close(), this.#consuming.close()])
    await Promise.all(subscriptions.map(({ ended }) => ended))
  }

  #state(): BrokerStatus['state'] {
    if (this.#closed !== undefined) return 'closed'
    if (this.#publishing.model === undefined || this.#consuming.model === undefined) return 'connecting'
    return this.#publishing.blocked ? 'blocked' : 'connected'
  }

  /** @throws {GatewayError} MESSAGE_UNROUTABLE when the exchange is none of ours, or has gone for good. */
  async #restored({ exchange }: Address): Promise<void> {
    if (!this.#topology.queues.some((queue) => queue.exchange === exchange || exchange === '')) throw new GatewayError('MESSAGE_UNROUTABLE')
    await this.#topology.restore()
    if (!(await this.#topology.hasExchange(exchange))) throw new GatewayError('MESSAGE_UNROUTABLE')
  }

  #held(queue: string): Held {
    let count = 0
    let oldestAtMs: number | undefined
    for (const subscription of this.#subscriptions) {
      if (subscription.queue !== queue) continue
      count += subscription.held.size + subscription.waiting
      for (const { message } of subscription.held) oldestAtMs = Math.min(oldestAtMs ?? Infinity, message.publishedAtMs)
    }
    return { count, oldestAtMs }
  }
}

const reconnects = (link: Link): number => Math.max(0, link.connections - 1)
