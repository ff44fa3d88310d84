import type { ConsumerConfig, DeliveryTarget } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { maxBackoffMs } from '../policies/backoff.ts'
import { longestTimerMs } from '../services/timer.ts'
import type { Subscription } from './broker.ts'
import type { Consumer, ConsumerDeps, ConsumerStatus } from './consumer-contract.ts'
import { consumerCounts } from './consumer-counts.ts'
import type { ConsumerCounts } from './consumer-counts.ts'
import { Lanes } from './consumer-lanes.ts'
import { patienceMs } from './consumer-patience.ts'
import { backoffPolicy } from './consumer-pipe.ts'
import { consumerShare } from './consumer-share.ts'
import type { ConsumerShare } from './consumer-share.ts'
import { consumerWork } from './consumer-work.ts'
import type { ConsumerWork, Held } from './consumer-work.ts'
import type { Delivery } from './delivery.ts'
import { orderKey } from './order-key.ts'

/** How long a cut-off delivery may take to be settled before the drain goes on without it. */
const cutMs = 5000

/** Builds a consumer and, unless its configuration says `paused`, begins to take messages. */
export const consumer = (config: ConsumerConfig, deps: ConsumerDeps): Consumer => new QueueConsumer(config, deps)

class QueueConsumer implements Consumer {
  readonly config: ConsumerConfig
  readonly #deps: ConsumerDeps
  readonly #share: ConsumerShare
  readonly #counts: ConsumerCounts
  readonly #work: ConsumerWork
  readonly #lanes: Lanes<Held>
  readonly #keyOf: ReturnType<typeof orderKey>
  #subscription: Subscription | undefined
  #paused: boolean
  #draining = false
  #drained: Promise<void> | undefined
  /** Deliveries on their way back while draining. */
  readonly #returning = new Set<Promise<void>>()

  constructor(config: ConsumerConfig, deps: ConsumerDeps) {
    this.config = config
    this.#deps = deps
    this.#share = consumerShare(config, deps.share)
    this.#keyOf = orderKey(config.orderBy)
    this.#counts = consumerCounts(config, deps)
    this.#work = consumerWork(config, deps, this.#counts, () => config.orderBy !== undefined && !this.#draining)
    this.#lanes = new Lanes({ concurrency: this.#share.concurrency, keyOf: ({ key }) => key, work: this.#work.handle, left: (held) => held.forget() })
    this.#paused = config.paused
    if (!this.#paused) this.#subscribe()
  }

  /** Deliveries that were handed over but not begun stay held, in their place, until `resume`. */
  pause(): void {
    if (this.#draining) return
    this.#paused = true
    this.#lanes.pause()
    this.#subscription?.pause()
  }

  resume(): void {
    if (this.#draining || !this.#paused) return
    this.#paused = false
    this.#lanes.resume()
    if (this.#subscription === undefined) this.#subscribe()
    else this.#subscription.resume()
  }

  drain(timeoutMs: number): Promise<void> {
    if (this.#drained === undefined) this.#drained = this.#drain(timeoutMs)
    else void this.#hurry(timeoutMs, this.#drained)
    return this.#drained
  }

  status(): ConsumerStatus {
    const { name, queue, deliverTo } = this.config
    const { breaker } = this.#work.pipe
    return {
      name,
      queue,
      target: targetText(deliverTo),
      state: this.#state(),
      ...this.#counts.status,
      settled: { ...this.#counts.status.settled },
      held: this.#lanes.size,
      breaker: breaker === undefined ? undefined : { state: breaker.state },
    }
  }

  #state(): ConsumerStatus['state'] {
    if (this.#draining) return 'draining'
    if (this.#paused) return 'paused'
    const circuit = this.#work.pipe.breaker?.state ?? 'closed'
    return circuit === 'closed' ? 'running' : 'slowed'
  }

  #subscribe(): void {
    const { name, queue, deliverTo, orderBy } = this.config
    if (deliverTo === undefined || this.#share.prefetch === 0) return
    const options = { queue, prefetch: this.#share.prefetch, holdMs: holdMs(this.config), exclusive: orderBy !== undefined, consumer: name }
    this.#subscription = this.#deps.broker.subscribe(options, (delivery) => this.#take(delivery))
  }

  #take(delivery: Delivery): void {
    const { message, lost } = delivery
    const held = this.#work.hold(delivery, this.config.orderBy === undefined ? undefined : (message.key ?? this.#keyOf(message)))
    if (this.#draining) {
      this.#giveBack(held)
      return
    }
    // What the broker has taken back comes again; held on to, it would pile up with every lost connection, and stand in the way of its copy.
    const drop = (): void => this.#lanes.drop(held)
    lost.addEventListener('abort', drop)
    held.forget = () => lost.removeEventListener('abort', drop)
    this.#lanes.add(held)
  }

  #giveBack(held: Held): void {
    const returned = this.#work.release(held).finally(() => this.#returning.delete(returned))
    this.#returning.add(returned)
  }

  /**
   * With an order the subscription ends last: as soon as it does, another gateway takes over, which must not get a message while an
   * earlier one of its key is still in work here.
   */
  async #drain(timeoutMs: number): Promise<void> {
    this.#draining = true
    const ordered = this.config.orderBy !== undefined
    this.#lanes.stop()
    this.#work.pipe.patience?.end()
    if (ordered) this.#subscription?.pause()
    const stopped = ordered ? undefined : this.#subscription?.stop()
    if (!ordered) for (const held of this.#lanes.takeIdle()) this.#giveBack(held)
    if (!(await within(timeoutMs, Promise.all([this.#lanes.idle(), stopped])))) await this.#cut()
    if (ordered) await within(cutMs, this.#giveBackInOrder())
    await within(cutMs, Promise.all(this.#returning))
    this.#work.pipe.breaker?.close()
  }

  /** For a drain that has begun with more patience. */
  async #hurry(timeoutMs: number, drained: Promise<void>): Promise<void> {
    if (!(await within(timeoutMs, drained))) await this.#cut()
  }

  /** One after the other, so that they stand in the queue in their order again. */
  async #giveBackInOrder(): Promise<void> {
    for (const held of this.#lanes.takeIdle()) await this.#work.release(held)
    await this.#subscription?.stop()
  }

  async #cut(): Promise<void> {
    for (const { call } of this.#lanes.running) {
      if (call === undefined) continue
      call.aborted = true
      call.cancel(new GatewayError('CLIENT_GONE'))
    }
    if (await within(cutMs, this.#lanes.idle())) return
    this.#deps.log.warn({ consumer: this.config.name, inFlight: this.#lanes.running.size }, 'deliveries could not be ended in time')
  }
}

/** @returns Whether `work` ended within `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(ms, longestTimerMs))
  })
  const ended = await Promise.race([work.then(() => true), limit])
  clearTimeout(timer)
  return ended
}

/** The longest that a delivery may stay unsettled in milliseconds, as far as the configuration tells: in work, and waiting for those before it. */
function holdMs({ prefetch, concurrency, timeoutMs, retry, redelivery, orderBy, circuitBreaker }: ConsumerConfig): number {
  const once =
    retry.maxAttempts * (timeoutMs + maxBackoffMs(backoffPolicy(retry), retry.maxAttempts)) + (circuitBreaker === undefined ? 0 : patienceMs)
  if (orderBy === undefined) return once * Math.ceil(Math.max(prefetch, 1) / Math.max(concurrency, 1))
  return (once + redelivery.maxDelayMs) * redelivery.deadLetterAfter * Math.max(prefetch, 1)
}

/** A target in a few words. */
function targetText(target: DeliveryTarget | undefined): string {
  switch (target?.type) {
    case undefined:
      return 'none'
    case 'service':
      return `${target.service} ${target.method} ${target.path}`
    case 'queue':
      return `queue ${target.queue}`
    case 'events':
      return `events ${target.events.join(', ')}`
    case 'operation':
      return `operation ${target.integration}.${target.operation}`
    case 'flow':
      return `flow ${target.flow}`
  }
}
