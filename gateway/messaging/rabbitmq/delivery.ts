import type { ConsumeMessage } from 'amqplib'
import type { QueueConfig } from '../../../config/model.ts'
import type { BrokerDeps } from '../broker.ts'
import type { Delivery, DeliveryHistory } from '../delivery.ts'
import type { Message } from '../message.ts'
import { maxInterruptions } from '../settlement.ts'
import type { Settlement } from '../settlement.ts'
import type { Courier } from './courier.ts'
import { hasCode, unavailable } from './failure.ts'
import { isUnreadable, numberOf, ownHeaders } from './headers.ts'
import { deadLetterQueueOf } from './names.ts'
import { identityMarks, parkingMarks } from './parking.ts'
import { longestTtlMs } from './shapes.ts'
import { historyOf, messageOf, originOf, returnsOf, tableIn } from './wire.ts'

/** The channel that a delivery came on, and has to be settled on. */
export interface DeliveryChannel {
  /** Aborted when the channel has ended: the broker has taken its deliveries back. */
  readonly lost: AbortSignal
  ack(raw: ConsumeMessage): void
  /** Back to its place in the queue. */
  giveBack(raw: ConsumeMessage): void
  /** The broker parks it by itself, or drops it where the queue keeps no dead letters. */
  refuse(raw: ConsumeMessage): void
  /** The delivery is no longer held. */
  done(delivery: RabbitmqDelivery): void
}

export interface DeliveryTools {
  readonly queueName: string
  /** As it is declared at the moment; undefined for a queue that is not. */
  queue(): QueueConfig | undefined
  readonly courier: Courier
  readonly deps: BrokerDeps
}

/**
 * The broker counts a message that is given back like one whose consumer has died, and cannot be told otherwise. From this count on a message
 * is therefore copied instead: it loses its place, and its count begins again, because whoever could give it back has not died of it.
 */
const maxReturns = maxInterruptions / 2

export class RabbitmqDelivery implements Delivery {
  readonly message: Message
  readonly #raw: ConsumeMessage
  readonly #channel: DeliveryChannel
  readonly #tools: DeliveryTools
  #lost: AbortController | undefined
  #settled = false

  constructor(raw: ConsumeMessage, channel: DeliveryChannel, tools: DeliveryTools) {
    this.#raw = raw
    this.#channel = channel
    this.#tools = tools
    this.message = messageOf(raw, tools.deps.now())
  }

  get queue(): string {
    return this.#tools.queueName
  }

  get history(): DeliveryHistory {
    return historyOf(this.#raw)
  }

  /** Made when it is asked for: most deliveries end before anybody does. */
  get lost(): AbortSignal {
    if (this.#lost === undefined) {
      this.#lost = new AbortController()
      if (this.#channel.lost.aborted) this.#lost.abort()
    }
    return this.#lost.signal
  }

  /** Said by the channel when it ends. */
  lose(): void {
    this.#lost?.abort()
  }

  /** What has to be parked before any consumer sees it; undefined for the usual case. */
  get spent(): Settlement | undefined {
    const nowMs = this.#tools.deps.now()
    if (isUnreadable(tableIn(this.#raw))) {
      const error = { type: 'invalid', message: 'its headers are nested too deeply to be read' }
      return { outcome: 'dead_letter', reason: 'invalid', attempts: 0, error }
    }
    if (returnsOf(this.#raw) >= maxInterruptions && !this.#isClassic())
      return {
        outcome: 'dead_letter',
        reason: 'interrupted',
        attempts: 0,
        error: { type: 'interrupted', message: `${returnsOf(this.#raw)} deliveries ended without any outcome` },
      }
    const expiresAtMs = numberOf(tableIn(this.#raw), ownHeaders.expiresAt) ?? this.#longExpiryMs()
    if (expiresAtMs === undefined || expiresAtMs > nowMs) return undefined
    return { outcome: 'dead_letter', reason: 'expired', attempts: 0, error: { type: 'expired', message: 'older than the ttl of its queue' } }
  }

  async settle(settlement: Settlement): Promise<void> {
    if (this.#settled) throw new Error('a delivery is settled once')
    this.#settled = true
    try {
      if (this.#channel.lost.aborted) throw unavailable('the channel of the delivery has ended')
      if (settlement.outcome !== 'ack') await this.#store(settlement)
      else this.#channel.ack(this.#raw)
    } finally {
      this.#channel.done(this)
    }
  }

  async #store(settlement: Exclude<Settlement, { outcome: 'ack' }>): Promise<void> {
    if (settlement.outcome === 'release' && settlement.delayMs === 0 && returnsOf(this.#raw) < maxReturns) {
      this.#channel.giveBack(this.#raw)
      return
    }
    try {
      if (settlement.outcome === 'release') await this.#later(settlement.delayMs, this.history.deliveries - 1, 0, undefined)
      else if (settlement.outcome === 'retry') await this.#retry(settlement.delayMs, settlement.attempts)
      else await this.#park(settlement)
    } catch (error) {
      if (!hasCode(error, 'BODY_TOO_LARGE')) throw error
      // Its headers fit into a frame of its publisher and not into one of ours, or cannot be read: the original itself has to go.
      if (settlement.outcome === 'release') this.#channel.giveBack(this.#raw)
      else this.#channel.refuse(this.#raw)
      return
    }
    this.#channel.ack(this.#raw)
  }

  #retry(delayMs: number, attempts: number): Promise<void> {
    const { deliveries, firstFailedAtMs } = this.history
    return this.#later(delayMs, deliveries, attempts, firstFailedAtMs ?? this.#tools.deps.now())
  }

  /** @param failedAtMs Of the first failure; undefined when this delivery was none. */
  #later(delayMs: number, deliveries: number, attempts: number, failedAtMs: number | undefined): Promise<void> {
    const { courier, queueName } = this.#tools
    const { history } = this
    const marks = {
      ...identityMarks(this.message, originOf(this.#raw)),
      [ownHeaders.deliveries]: deliveries,
      [ownHeaders.failures]: history.failures + (failedAtMs === undefined ? 0 : 1),
      [ownHeaders.attempts]: history.attempts + attempts,
      [ownHeaders.firstFailedAt]: failedAtMs ?? history.firstFailedAtMs,
      [ownHeaders.expiresAt]: this.#expiresAtMs(),
    }
    return courier.later(this.#raw, queueName, this.message.id, delayMs, marks, this.#channel.lost)
  }

  async #park({ reason, attempts, error }: Extract<Settlement, { outcome: 'dead_letter' }>): Promise<void> {
    const { queueName, courier, deps } = this.#tools
    if (this.#tools.queue()?.deadLetter === false) return
    const { history } = this
    // A message that nobody has seen this time was not delivered.
    const deliveries = reason === 'expired' || reason === 'interrupted' ? history.deliveries - 1 : history.deliveries
    const marks = {
      ...identityMarks(this.message, originOf(this.#raw)),
      ...parkingMarks({ reason, error, attempts, deliveries, history, nowMs: deps.now() }),
    }
    await courier.now(this.#raw, deadLetterQueueOf(queueName), this.message.id, marks, this.#channel.lost)
  }

  /** A copy would begin its time to live anew at each return: its end is fixed with the first one. */
  #expiresAtMs(): number | undefined {
    const ttlMs = this.#tools.queue()?.ttlMs ?? Infinity
    if (ttlMs === Infinity) return undefined
    const nowMs = this.#tools.deps.now()
    const byPublisherMs = this.message.publishedAtMs + ttlMs
    return numberOf(tableIn(this.#raw), ownHeaders.expiresAt) ?? (byPublisherMs > nowMs ? byPublisherMs : nowMs + ttlMs)
  }

  /** Beyond what the broker can watch over. */
  #longExpiryMs(): number | undefined {
    const ttlMs = this.#tools.queue()?.ttlMs ?? Infinity
    return ttlMs === Infinity || ttlMs <= longestTtlMs ? undefined : this.message.publishedAtMs + ttlMs
  }

  #isClassic(): boolean {
    return tableIn(this.#raw)['x-delivery-count'] === undefined
  }
}
