import { IllegalOperationError } from 'amqplib'
import type { ChannelModel, ConfirmChannel, Message as RawMessage, Options } from 'amqplib'
import { GatewayError } from '../../errors.ts'
import { closeChannel, watched } from './channels.ts'
import { replyCode, replyCodes, unavailable } from './failure.ts'
import type { Link } from './link.ts'
import { pause } from './pause.ts'

/** What goes over the wire. */
export interface Parcel {
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  readonly options: Options.Publish
}

export interface OutboxOptions {
  /** How long a parcel may wait for its confirmation, in milliseconds. */
  readonly timeoutMs: number
  /** Parcels that may wait for their confirmation. */
  readonly maxUnconfirmed: number
  /** An exchange that was there has gone: the broker ends the channel over it. */
  readonly onMissing: () => void
}

interface Job {
  readonly parcel: Parcel
  readonly resolve: () => void
  readonly reject: (error: GatewayError) => void
  /** Ends the watch over how long it waits. */
  unwatch: () => void
  /** It was sent over. */
  channel: ConfirmChannel | undefined
  /** By the broker, because no queue took it. */
  returned: boolean
  /** The caller has his answer. */
  done: boolean
}

/** A channel that the broker closed is replaced after this pause, so that a fault that repeats does not run hot. */
const reopenPauseMs = 50

/**
 * A channel that first publishes to a quorum queue while its leader is dead remembers the dead one: every later publish to that queue is
 * refused as if it were full, although a new leader was elected long ago (seen with RabbitMQ 3.10). After a refusal the next parcels
 * therefore go over a new channel; not more often than this, because queues are also really full.
 */
const renewPauseMs = 500

/**
 * Publishes on a channel of its own with confirmations, `mandatory`, and says of each parcel what became of it. Nothing is buffered beyond
 * `maxUnconfirmed`: parcels that nobody waits for any more still count until the broker has answered them or the channel has ended.
 */
export class Outbox {
  readonly #link: Link
  readonly #options: OutboxOptions
  readonly #sent = new Set<Job>()
  /** Wait until the channel is there, or takes more. */
  readonly #waiting = new Set<Job>()
  #channel: ConfirmChannel | undefined
  #congested = false
  #renewing = false
  confirmed = 0
  failed = 0

  constructor(link: Link, options: OutboxOptions) {
    this.#link = link
    this.#options = options
    link.on('up', (model) => void this.#open(model))
    link.on('blocked', () => this.#refuseWaiting('the broker asked publishers to stop'))
    link.signal.addEventListener('abort', () => this.#refuseWaiting('the broker connection is closed'))
  }

  get unconfirmed(): number {
    return this.#sent.size + this.#waiting.size
  }

  /**
   * Resolves when every queue that the parcel was routed to has stored it.
   * @param lost Ends the wait in place of the time limit, for those who would send the same again: a queue that has lost its nodes stores
   * everything it was ever sent when they are back.
   * @throws {GatewayError} BROKER_UNAVAILABLE, QUEUE_FULL, MESSAGE_UNROUTABLE; BODY_TOO_LARGE when its properties do not fit into a frame.
   */
  send(parcel: Parcel, lost?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const job: Job = { parcel, resolve, reject, unwatch: nothing, channel: undefined, returned: false, done: false }
      if (this.unconfirmed >= this.#options.maxUnconfirmed) this.#fail(job, new GatewayError('QUEUE_FULL'))
      else if (this.#link.blocked) this.#fail(job, unavailable('the broker asked publishers to stop'))
      else if (this.#link.closed) this.#fail(job, unavailable('the broker connection is closed'))
      else if (lost?.aborted === true) this.#fail(job, unavailable('nobody waits for the confirmation'))
      else {
        job.unwatch = this.#watch(job, lost)
        if (this.#channel === undefined || this.#congested) this.#waiting.add(job)
        else this.#write(this.#channel, job)
      }
    })
  }

  #watch(job: Job, lost: AbortSignal | undefined): () => void {
    const late = (): void => this.#late(job)
    if (lost !== undefined) {
      lost.addEventListener('abort', late)
      return () => lost.removeEventListener('abort', late)
    }
    const timer = setTimeout(late, this.#options.timeoutMs)
    return () => clearTimeout(timer)
  }

  async #open(model: ChannelModel): Promise<void> {
    try {
      const channel = watched(await model.createConfirmChannel())
      channel.on('error', (error: unknown) => {
        if (replyCode(error) === replyCodes.notFound) this.#options.onMissing()
      })
      channel.once('close', () => {
        if (this.#channel !== channel) return
        this.#channel = undefined
        if (this.#link.model === model) void pause(reopenPauseMs, this.#link.signal).then(() => this.#reopen(model))
      })
      channel.on('return', (message: RawMessage) => this.#returned(message))
      channel.on('drain', () => {
        if (this.#channel !== channel) return
        this.#congested = false
        this.#flush()
      })
      this.#congested = false
      this.#channel = channel
      this.#flush()
    } catch {
      // The connection ended meanwhile; the next one brings its own channel.
    }
  }

  #reopen(model: ChannelModel): Promise<void> | undefined {
    return this.#link.model === model ? this.#open(model) : undefined
  }

  async #renew(): Promise<void> {
    const [old, model] = [this.#channel, this.#link.model]
    if (this.#renewing || old === undefined || model === undefined) return
    this.#renewing = true
    await this.#open(model)
    this.#retire(old)
    await pause(renewPauseMs, this.#link.signal)
    this.#renewing = false
  }

  /** A channel that was replaced is closed once the broker has answered everything that was sent over it. */
  #retire(channel: ConfirmChannel): void {
    if (channel === this.#channel) return
    for (const job of this.#sent) if (job.channel === channel) return
    void closeChannel(channel)
  }

  #flush(): void {
    for (const job of this.#waiting) {
      if (this.#channel === undefined || this.#congested) return
      this.#waiting.delete(job)
      this.#write(this.#channel, job)
    }
  }

  #write(channel: ConfirmChannel, job: Job): void {
    const { exchange, routingKey, content, options } = job.parcel
    this.#sent.add(job)
    job.channel = channel
    try {
      const flowing = channel.publish(exchange, routingKey, content, options, (error: unknown) => this.#answered(job, error))
      if (!flowing) this.#congested = true
    } catch (error) {
      this.#sent.delete(job)
      // Everything but a closed channel is an encoder that ran out of room for names or headers.
      const closed = error instanceof IllegalOperationError
      this.#fail(job, closed ? unavailable('the channel has ended', error) : new GatewayError('BODY_TOO_LARGE', { cause: error }))
    }
  }

  #answered(job: Job, error: unknown): void {
    this.#sent.delete(job)
    if (job.channel !== undefined) this.#retire(job.channel)
    if (error === null && !job.returned) this.#succeed(job)
    else if (job.returned) this.#fail(job, new GatewayError('MESSAGE_UNROUTABLE'))
    else if (error instanceof Error && error.message === 'message nacked') {
      this.#fail(job, new GatewayError('QUEUE_FULL', { cause: error }))
      void this.#renew()
    } else this.#fail(job, unavailable('the channel ended before the confirmation', error))
  }

  /**
   * The broker returns a message before it confirms it. Two parcels of one id and one address cannot be told apart; then both count as
   * unroutable, and at worst one that was stored is published again.
   */
  #returned({ fields, properties }: RawMessage): void {
    for (const job of this.#sent) {
      const { exchange, routingKey, options } = job.parcel
      if (options.messageId === properties.messageId && exchange === fields.exchange && routingKey === fields.routingKey) job.returned = true
    }
  }

  /** A parcel that was sent keeps its place until the broker has answered: otherwise a broker that hangs would fill the memory. */
  #late(job: Job): void {
    this.#waiting.delete(job)
    this.#fail(job, unavailable('no confirmation as long as it was waited for'))
  }

  #refuseWaiting(why: string): void {
    for (const job of this.#waiting) this.#fail(job, unavailable(why))
    this.#waiting.clear()
  }

  #succeed(job: Job): void {
    if (job.done) return
    job.done = true
    job.unwatch()
    this.confirmed += 1
    job.resolve()
  }

  #fail(job: Job, error: GatewayError): void {
    if (job.done) return
    job.done = true
    job.unwatch()
    this.failed += 1
    job.reject(error)
  }
}

const nothing = (): void => undefined
