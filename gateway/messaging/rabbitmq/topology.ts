import type { Channel } from 'amqplib'
import type { QueueConfig, RabbitmqBrokerConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { BrokerDeps, TopologyDifference } from '../broker.ts'
import { ScratchChannel } from './channels.ts'
import { differenceOf, mismatchOf } from './difference.ts'
import { replyCode, replyCodes, textOf } from './failure.ts'
import type { Link } from './link.ts'
import { delayQueueOf } from './names.ts'
import { pause, within } from './pause.ts'
import { assertShape, checkShape, deadLetterShape, delayShape, dueShape, exchangeShape, longestTtlMs, queueShape } from './shapes.ts'
import type { Shape } from './shapes.ts'

/** What is asked for more often than this is not declared again: a publisher without a queue must not keep the broker busy. */
const restoreEveryMs = 1000
/**
 * Time for the consumers of a deleted queue to hear that it has gone: RabbitMQ does not tell them any more once there is a new one of the
 * name, and they would wait for ever.
 */
const noticeMs = 250
/** More differences of one object are not looked for. */
const maxDifferences = 16

/** Exchanges, queues and bindings: made where they are missing, left alone where they are, and made again when the broker has lost them. */
export class Topology {
  readonly #config: RabbitmqBrokerConfig
  readonly #link: Link
  readonly #deps: BrokerDeps
  readonly #delays = new Set<string>()
  /** Delay queues that are being made: a thousand deliveries that fail at once want the same one, and must not take a channel each. */
  readonly #making = new Map<string, Promise<void>>()
  readonly #exchanges = new Set<string>()
  #queues: readonly QueueConfig[] = []
  #byName: ReadonlyMap<string, QueueConfig> = new Map()
  /** The queues that stand in the broker, as far as this connection knows. */
  #standing: readonly QueueConfig[] | undefined
  #running: Promise<void> | undefined
  #restoredAtMs = -Infinity
  differences: readonly TopologyDifference[] = []

  constructor(config: RabbitmqBrokerConfig, link: Link, deps: BrokerDeps) {
    this.#config = config
    this.#link = link
    this.#deps = deps
    link.on('up', () => {
      this.#forget()
      this.#running = this.#declareQuietly()
    })
  }

  get queues(): readonly QueueConfig[] {
    return this.#queues
  }

  queue(name: string): QueueConfig | undefined {
    return this.#byName.get(name)
  }

  /**
   * Answers after `timeoutMs` whatever the broker does; what is not declared then goes on being declared.
   * @throws {GatewayError} BROKER_MISCONFIGURED when the broker refuses and nothing of that name is there.
   */
  async declare(queues: readonly QueueConfig[], timeoutMs: number): Promise<readonly TopologyDifference[]> {
    this.#queues = queues
    this.#byName = new Map(queues.map((queue) => [queue.name, queue]))
    return (await within(timeoutMs, this.#declareWhenUp(queues, timeoutMs))) ?? []
  }

  async #declareWhenUp(queues: readonly QueueConfig[], timeoutMs: number): Promise<readonly TopologyDifference[]> {
    const began = performance.now()
    if ((await this.#link.ready(timeoutMs)) === undefined) return []
    await this.settled()
    const leftMs = Math.max(0, timeoutMs - (performance.now() - began))
    if ((await this.#link.ready(leftMs)) === undefined) return []
    try {
      if (this.#standing !== queues) await this.#declare()
    } catch (error) {
      if (error instanceof GatewayError) throw error
      // The connection ended in the middle; the next one declares.
      return []
    }
    return this.differences
  }

  /** Resolves when what was declared last stands, or could not be declared. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** Makes everything again because something of it was found missing; at most once a second. */
  async restore(): Promise<void> {
    await this.settled()
    // Whoever asks while it is under way waits for it too.
    if (performance.now() - this.#restoredAtMs < restoreEveryMs) return this.settled()
    this.#restoredAtMs = performance.now()
    this.#forget()
    this.#running = pause(noticeMs, this.#link.signal).then(() => this.#declareQuietly())
    await this.#running
  }

  /** Makes the queue in which messages of `queue` wait, on first use. */
  async delayQueue(queue: string, rungMs: number): Promise<string> {
    const name = delayQueueOf(queue, rungMs)
    if (this.#delays.has(name)) return name
    let making = this.#making.get(name)
    if (making === undefined) {
      making = this.#makeDelayQueue(queue, rungMs).finally(() => this.#making.delete(name))
      this.#making.set(name, making)
    }
    await making
    return name
  }

  /** Whether a delay queue is known to be there. */
  hasDelayQueue(name: string): boolean {
    return this.#delays.has(name)
  }

  forgetDelayQueue(name: string): void {
    this.#delays.delete(name)
  }

  /**
   * Whether there is such an exchange: publishing to one that is not there would end the channel under everybody else's messages. Asks the
   * broker once for those that are not declared here; true when it cannot be asked.
   */
  async hasExchange(name: string): Promise<boolean> {
    if (name === '' || this.#exchanges.has(name)) return true
    try {
      await this.#scratch((scratch) => scratch.run((channel) => channel.checkExchange(name)))
      this.#exchanges.add(name)
      return true
    } catch (error) {
      return replyCode(error) !== replyCodes.notFound
    }
  }

  #forget(): void {
    this.#standing = undefined
    this.#exchanges.clear()
    this.#delays.clear()
  }

  async #makeDelayQueue(queue: string, rungMs: number): Promise<void> {
    await this.#scratch((scratch) => this.#assert(scratch, queue, delayShape(queue, rungMs)))
    this.#delays.add(delayQueueOf(queue, rungMs))
  }

  async #declareQuietly(): Promise<void> {
    try {
      await this.#declare()
    } catch (error) {
      this.#deps.log.error({ broker: this.#config.name, error: textOf(error) }, 'the queues could not be declared')
    }
  }

  async #declare(): Promise<void> {
    const differences: TopologyDifference[] = []
    const queues = this.#queues
    await this.#scratch(async (scratch) => {
      for (const queue of queues) differences.push(...(await this.#declareApart(scratch, queue)))
    })
    this.#standing = queues
    this.differences = differences
  }

  /** A queue that the broker cannot give at the moment must not keep the others away. */
  async #declareApart(scratch: ScratchChannel, queue: QueueConfig): Promise<readonly TopologyDifference[]> {
    const { model } = this.#link
    try {
      return await this.#declareQueue(scratch, queue)
    } catch (error) {
      if (error instanceof GatewayError || this.#link.model !== model) throw error
      this.#deps.log.error({ broker: this.#config.name, queue: queue.name, error: textOf(error) }, 'the queue could not be declared')
      return []
    }
  }

  async #declareQueue(scratch: ScratchChannel, queue: QueueConfig): Promise<readonly TopologyDifference[]> {
    const { queueType } = this.#config
    const shapes = [
      ...(queue.exchange === '' ? [] : [exchangeShape(queue)]),
      ...(queue.deadLetter ? [deadLetterShape(queue.name, queueType)] : []),
      dueShape(queue.name),
      queueShape(queue, queueType),
    ]
    const differences: TopologyDifference[] = []
    for (const shape of shapes) differences.push(...(await this.#assert(scratch, queue.name, shape)))
    await this.#bind(scratch, queue)
    if (queue.ttlMs !== Infinity && queue.ttlMs > longestTtlMs) differences.push(tooLong(queue))
    return differences
  }

  async #bind(scratch: ScratchChannel, queue: QueueConfig): Promise<void> {
    if (queue.exchange === '') return
    for (const key of queue.bindings.length === 0 ? [''] : queue.bindings)
      await this.#permitted(scratch, (channel) => channel.bindQueue(queue.name, queue.exchange, key))
    this.#exchanges.add(queue.exchange)
  }

  /** Declares, and asks again with what is there until every difference is known. */
  async #assert(scratch: ScratchChannel, queue: string, declared: Shape): Promise<readonly TopologyDifference[]> {
    const differences: TopologyDifference[] = []
    let shape = declared
    while (differences.length < maxDifferences) {
      try {
        await scratch.run((channel) => assertShape(channel, shape))
        return differences
      } catch (error) {
        if (replyCode(error) === replyCodes.accessRefused) {
          await this.#permitted(scratch, (channel) => checkShape(channel, shape), error)
          return differences
        }
        const mismatch = mismatchOf(error, shape)
        if (mismatch === undefined) throw error
        differences.push(differenceOf(queue, declared, mismatch))
        if (mismatch.next === undefined) return differences
        shape = mismatch.next
      }
    }
    return differences
  }

  /** @throws {GatewayError} BROKER_MISCONFIGURED when the broker does not permit it. */
  async #permitted(scratch: ScratchChannel, command: (channel: Channel) => Promise<unknown>, cause?: unknown): Promise<void> {
    try {
      await scratch.run(command)
    } catch (error) {
      if (replyCode(error) === undefined) throw error
      throw new GatewayError('BROKER_MISCONFIGURED', { detail: textOf(cause ?? error), cause: error })
    }
  }

  /** @throws When there is no connection. */
  async #scratch<T>(work: (scratch: ScratchChannel) => Promise<T>): Promise<T> {
    const { model } = this.#link
    if (model === undefined) throw new Error('there is no connection to the broker')
    const scratch = new ScratchChannel(model)
    try {
      return await work(scratch)
    } finally {
      await scratch.close()
    }
  }
}

const tooLong = (queue: QueueConfig): TopologyDifference => ({
  queue: queue.name,
  object: `queue ${queue.name}`,
  property: 'x-message-ttl',
  declared: String(queue.ttlMs),
  actual: `none, because the broker takes at most ${longestTtlMs}`,
})
