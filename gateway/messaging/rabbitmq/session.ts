import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import type { Delivery } from '../delivery.ts'
import type { Settlement } from '../settlement.ts'
import { closeChannel, openChannel } from './channels.ts'
import { RabbitmqDelivery } from './delivery.ts'
import type { DeliveryChannel, DeliveryTools } from './delivery.ts'
import { textOf, unavailable } from './failure.ts'
import { dueQueueOf } from './names.ts'
import { pause } from './pause.ts'

export interface SessionOptions {
  readonly prefetch: number
  readonly consumerTag: string
  readonly onDelivery: (delivery: Delivery) => void
  /** Whether deliveries may be handed over at the moment. */
  readonly takes: () => boolean
  /** Something has changed that the owner may wait for. */
  readonly onChange: () => void
}

/**
 * A channel stays open for so long after the last acknowledgement: it passes them on to a quorum queue 32 at a time, and those that it still
 * holds when it is closed would be delivered again.
 */
const settlingMs = 50

/** One channel of a subscription, from its opening to its end, with the deliveries that came on it. */
export class Session implements DeliveryChannel {
  readonly #options: SessionOptions
  readonly #tools: DeliveryTools
  readonly #ending = new AbortController()
  readonly #held = new Set<RabbitmqDelivery>()
  /** What came while nothing was taken: each consumer may be sent the whole prefetch, so this is a small multiple of it. */
  readonly #backlog: ConsumeMessage[] = []
  readonly #channel: Channel
  /** Tags of the consumers that run. */
  readonly #consumers = new Set<string>()
  #started = 0
  #retired = false
  #settledAtMs = -Infinity
  consuming = false
  /** The broker ended the consumer, as it does when the queue is deleted. */
  cancelled = false

  private constructor(channel: Channel, tools: DeliveryTools, options: SessionOptions) {
    this.#channel = channel
    this.#tools = tools
    this.#options = options
  }

  static async open(model: ChannelModel, tools: DeliveryTools, options: SessionOptions): Promise<Session> {
    const channel = await openChannel(model)
    const session = new Session(channel, tools, options)
    let reason: Error | undefined
    channel.on('error', (error: Error) => {
      reason = error
    })
    channel.once('close', () => session.end(reason))
    await channel.prefetch(options.prefetch)
    return session
  }

  get lost(): AbortSignal {
    return this.#ending.signal
  }

  get ended(): boolean {
    return this.#ending.signal.aborted
  }

  get held(): ReadonlySet<RabbitmqDelivery> {
    return this.#held
  }

  /** Deliveries that have come and are not handed over yet. */
  get waiting(): number {
    return this.#backlog.length
  }

  /** @throws What the broker refused it with; the channel has ended then. */
  async consume(): Promise<void> {
    this.cancelled = false
    this.consuming = true
    const { queueName, queue } = this.#tools
    try {
      await this.#consume(queueName)
      if (queue() !== undefined) await this.#consume(dueQueueOf(queueName))
    } catch (error) {
      this.consuming = false
      throw error
    }
  }

  async #consume(queue: string): Promise<void> {
    // Never one tag twice: RabbitMQ 3.10 loses the connection over a second consumer of the name of one that left unsettled deliveries.
    this.#started += 1
    const consumerTag = `${this.#options.consumerTag}.${this.#started}`
    this.#consumers.add(consumerTag)
    await this.#channel.consume(queue, (raw) => this.#came(raw, consumerTag), { consumerTag })
  }

  /** No further deliveries come after this. */
  async cancel(): Promise<void> {
    this.consuming = false
    for (const consumerTag of this.#consumers) {
      this.#consumers.delete(consumerTag)
      if (!this.ended) await this.#channel.cancel(consumerTag)
    }
  }

  /** Hands over what is waiting, as far as it may. */
  pump(): void {
    while (this.#backlog.length > 0 && this.#mayTake()) {
      const raw = this.#backlog.shift()
      if (raw !== undefined) this.#hold(raw)
    }
  }

  /** What nobody has seen goes back, each to its place. */
  giveBackBacklog(): void {
    for (const raw of this.#backlog.splice(0)) this.#hold(raw, { outcome: 'release', delayMs: 0 })
  }

  ack(raw: ConsumeMessage): void {
    this.#tell(() => this.#channel.ack(raw))
  }

  giveBack(raw: ConsumeMessage): void {
    this.#tell(() => this.#channel.nack(raw, false, true))
  }

  refuse(raw: ConsumeMessage): void {
    this.#tell(() => this.#channel.nack(raw, false, false))
  }

  /** Takes no more, and ends with the last delivery that is held. */
  retire(): void {
    this.#retired = true
    this.#backlog.length = 0
    if (this.#held.size === 0) void this.close()
  }

  done(delivery: RabbitmqDelivery): void {
    this.#held.delete(delivery)
    if (this.#retired && this.#held.size === 0) void this.close()
    if (this.#backlog.length > 0) this.pump()
    if (this.#held.size === 0) this.#options.onChange()
  }

  async close(): Promise<void> {
    const leftMs = this.#settledAtMs + settlingMs - performance.now()
    if (!this.ended && leftMs > 0) await pause(leftMs, this.#ending.signal)
    if (!this.ended) await closeChannel(this.#channel)
    this.end(undefined)
  }

  end(reason: Error | undefined): void {
    if (this.ended) return
    const { deps, queueName } = this.#tools
    this.#ending.abort()
    this.consuming = false
    this.#backlog.length = 0
    if (reason !== undefined) deps.log.warn({ queue: queueName, error: textOf(reason) }, 'the broker ended a channel: its deliveries come again')
    for (const delivery of this.#held) delivery.lose()
    this.#held.clear()
    this.#options.onChange()
  }

  #came(raw: ConsumeMessage | null, consumerTag: string): void {
    if (raw === null) {
      this.#consumers.delete(consumerTag)
      this.cancelled = true
      this.consuming = false
      this.#options.onChange()
    } else if (this.#backlog.length === 0 && this.#mayTake()) this.#hold(raw)
    else this.#backlog.push(raw)
  }

  #mayTake(): boolean {
    return !this.#retired && this.#held.size < this.#options.prefetch && this.#options.takes()
  }

  /** @param outcome Already known; undefined when the consumer finds it. */
  #hold(raw: ConsumeMessage, outcome?: Settlement): void {
    const delivery = new RabbitmqDelivery(raw, this, this.#tools)
    this.#held.add(delivery)
    const settlement = outcome ?? delivery.spent
    if (settlement === undefined) this.#options.onDelivery(delivery)
    // Where it cannot be stored the channel has ended, and the broker delivers the message again.
    else void delivery.settle(settlement).catch(() => undefined)
  }

  #tell(command: () => void): void {
    if (this.ended) throw unavailable('the channel of the delivery has ended')
    try {
      command()
      this.#settledAtMs = performance.now()
    } catch (error) {
      throw unavailable('the channel of the delivery has ended', error)
    }
  }
}
