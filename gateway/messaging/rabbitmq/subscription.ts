import type { ChannelModel } from 'amqplib'
import type { BrokerDeps, SubscribeOptions, Subscription } from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Courier } from './courier.ts'
import { replyCode, replyCodes, textOf } from './failure.ts'
import type { Link } from './link.ts'
import type { Locks, Release } from './locks.ts'
import { pause } from './pause.ts'
import { Session } from './session.ts'
import type { Topology } from './topology.ts'

export interface SubscriptionTools {
  readonly link: Link
  readonly topology: Topology
  readonly locks: Locks
  readonly courier: Courier
  readonly deps: BrokerDeps
}

/** How often another holder of an exclusive subscription is asked for. */
const lockEveryMs = 1000
/** The queue may learn a little later than the lock that the last holder has gone: what it held has to be back at the front first. */
const handoverMs = 200
/** Between two channels of one subscription. */
const firstPauseMs = 50
const longestPauseMs = 1000
/** How long to wait for a connection before looking whether it is still wanted. */
const patienceMs = 1000

/** Takes from one queue for as long as it is wanted, over as many channels and connections as that needs. */
export class RabbitmqSubscription implements Subscription {
  readonly #options: SubscribeOptions
  readonly #onDelivery: (delivery: Delivery) => void
  readonly #tools: SubscriptionTools
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #session: Session | undefined
  #quiet = Promise.withResolvers<void>()
  #changed = Promise.withResolvers<void>()
  #paused = false
  #ending = false

  constructor(options: SubscribeOptions, onDelivery: (delivery: Delivery) => void, tools: SubscriptionTools) {
    this.#options = options
    this.#onDelivery = onDelivery
    this.#tools = tools
    const wake = (): void => this.#wake()
    tools.link.signal.addEventListener('abort', wake)
    // The connection outlives the subscription wherever a file is loaded anew.
    this.#running = this.#keep().finally(() => tools.link.signal.removeEventListener('abort', wake))
  }

  get queue(): string {
    return this.#options.queue
  }

  get held(): Session['held'] {
    return this.#session?.held ?? nobody
  }

  /** Deliveries that the broker has sent and nobody holds yet. */
  get waiting(): number {
    return this.#session?.waiting ?? 0
  }

  /** Resolves when it has ended and holds nothing any more. */
  get ended(): Promise<void> {
    return this.#running
  }

  pause(): void {
    this.#paused = true
    this.#wake()
  }

  resume(): void {
    this.#paused = false
    this.#session?.pump()
    this.#wake()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake()
    if (this.#session !== undefined) await this.#quiet.promise
  }

  /** Ends at once: what is held goes back. */
  async end(): Promise<void> {
    this.#ending = true
    this.#stopping.abort()
    this.#wake()
    await this.#session?.close()
  }

  get #over(): boolean {
    return this.#stopping.signal.aborted || this.#tools.link.closed
  }

  /**
   * Closing the channel gives everything back in its order. Cancelling the consumer first would not: what is under way at that moment goes
   * back before what is held.
   */
  get #leavesWithChannel(): boolean {
    return this.#ending || (this.#options.exclusive && this.#over)
  }

  async #keep(): Promise<void> {
    const { link, topology, deps } = this.#tools
    for (let failures = 0; !this.#over; ) {
      const model = await link.ready(patienceMs).catch(() => pause(patienceMs, this.#stopping.signal))
      if (model === undefined) continue
      await topology.settled()
      const began = performance.now()
      try {
        await this.#serve(model)
      } catch (error) {
        deps.log.debug({ queue: this.queue, error: textOf(error) }, 'a queue could not be consumed: trying again')
        if (replyCode(error) === replyCodes.notFound) await topology.restore()
      }
      failures = performance.now() - began > longestPauseMs ? 0 : failures + 1
      await pause(Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures, 10)) * (0.5 + deps.random() / 2), this.#stopping.signal)
    }
  }

  async #serve(model: ChannelModel): Promise<void> {
    const session = await this.#open(model)
    this.#session = session
    this.#quiet = Promise.withResolvers()
    let release: Release | undefined
    try {
      while (!session.ended && !session.cancelled && !this.#over) release = await this.#consume(session, release)
      if (!this.#leavesWithChannel) session.giveBackBacklog()
      this.#quiet.resolve()
      while (!session.ended && !session.cancelled && session.held.size > 0) await this.#change()
    } finally {
      // What is held of a queue that was deleted can still be settled; a new one of the same name needs a new channel.
      if (session.cancelled && !this.#over) session.retire()
      else await session.close()
      await release?.()
      this.#session = undefined
      this.#quiet.resolve()
    }
  }

  /** One stretch of consuming, between two pauses or interruptions. @returns The right to do so, once it is ours. */
  async #consume(session: Session, held: Release | undefined): Promise<Release | undefined> {
    if (this.#paused) {
      await this.#change()
      return held
    }
    let release = held
    if (this.#options.exclusive && release === undefined) {
      release = await this.#tools.locks.take(this.queue)
      if (release === undefined) {
        await pause(lockEveryMs, this.#stopping.signal)
        return undefined
      }
      await pause(handoverMs, this.#stopping.signal)
      // A pause or the end may have come meanwhile.
      return release
    }
    await session.consume()
    while (session.consuming && !this.#paused && !this.#over) await this.#change()
    if (!this.#leavesWithChannel) await session.cancel()
    if (session.cancelled) {
      this.#tools.deps.log.warn({ queue: this.queue }, 'the broker ended a consumer, as when its queue is deleted: declaring it again')
      await this.#tools.topology.restore()
    }
    return release
  }

  #open(model: ChannelModel): Promise<Session> {
    const { queue, prefetch, consumer } = this.#options
    const { courier, deps, topology } = this.#tools
    return Session.open(
      model,
      { queueName: queue, queue: () => topology.queue(queue), courier, deps },
      {
        prefetch,
        consumerTag: `headgate.${consumer}`.slice(0, 100),
        onDelivery: this.#onDelivery,
        takes: () => !this.#paused && !this.#over,
        onChange: () => this.#wake(),
      },
    )
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  #change(): Promise<void> {
    return this.#changed.promise
  }
}

const nobody: Session['held'] = new Set()
