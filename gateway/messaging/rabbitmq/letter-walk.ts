import type { Channel, ConsumeMessage } from 'amqplib'
import { closeChannel, openChannel } from './channels.ts'
import { replyCode, replyCodes, unavailable } from './failure.ts'
import type { Link } from './link.ts'
import type { Locks, Release } from './locks.ts'
import { deadLetterQueueOf } from './names.ts'
import { pause } from './pause.ts'

/** Letters that are fetched at once, and about how many bytes of them. */
const firstRound = 10
const largestRound = { look: 200, remove: 30 } as const
const roundBytes = 8 * 1024 * 1024
/** A round that brings nothing for so long asks the broker whether there is anything left. */
const idleMs = 200
/** How long to wait for somebody else who walks through the same letters. */
const patienceMs = 10_000
const lockEveryMs = 50
/**
 * A channel tells a quorum queue 32 things at a time and keeps the rest to itself: it sorts them as it likes, and loses them when it is
 * closed. So there are never more, neither of letters that are removed nor of those that are given back.
 */
const givenBackAtOnce = 16
/** Longest wait for it; the order may suffer then, nothing else. */
const returnMs = 1000

export interface WalkTools {
  readonly link: Link
  readonly locks: Locks
  /** How long to wait for a connection. */
  readonly timeoutMs: number
}

/**
 * One way through the dead letters of a queue, from the oldest to the one that was the newest at the beginning. Letters are fetched in
 * rounds of bounded size and stay unacknowledged, so nothing is lost when the process ends on the way. Those that were not removed go back
 * one after the other, which keeps their order. Only one walk goes through a queue at a time, among all gateways: two would hide letters
 * from each other.
 */
export class LetterWalk {
  readonly #queue: string
  readonly #channel: Channel
  readonly #release: Release
  readonly #removed = new Marks()
  readonly #ending = new AbortController()
  readonly #largest: number
  #remaining: number
  #last = 0
  #round = firstRound

  private constructor(queue: string, purpose: keyof typeof largestRound, channel: Channel, release: Release, remaining: number) {
    this.#queue = queue
    this.#channel = channel
    this.#release = release
    this.#remaining = remaining
    this.#largest = largestRound[purpose]
    channel.once('close', () => this.#ending.abort())
  }

  /**
   * @param purpose Whether letters will be removed.
   * @returns undefined when the queue keeps no dead letters.
   * @throws {GatewayError} BROKER_UNAVAILABLE
   */
  static async begin({ link, locks, timeoutMs }: WalkTools, queue: string, purpose: keyof typeof largestRound): Promise<LetterWalk | undefined> {
    const model = await link.ready(timeoutMs)
    if (model === undefined) throw unavailable('there is no connection to the broker')
    const letters = deadLetterQueueOf(queue)
    const release = await lock(locks, letters, link.signal)
    try {
      const channel = await openChannel(model)
      const { messageCount } = await channel.checkQueue(letters)
      return new LetterWalk(letters, purpose, channel, release, messageCount)
    } catch (error) {
      await release()
      if (replyCode(error) === replyCodes.notFound) return undefined
      throw unavailable('the dead letters cannot be read', error)
    }
  }

  /** The next letters, oldest first; empty at the end. @throws {GatewayError} BROKER_UNAVAILABLE */
  async next(): Promise<readonly ConsumeMessage[]> {
    if (this.#remaining <= 0) return []
    try {
      const letters = await this.#fetch(Math.min(this.#round, this.#remaining))
      this.#remaining = letters.length === 0 ? 0 : this.#remaining - letters.length
      this.#last = letters.at(-1)?.fields.deliveryTag ?? this.#last
      const bytes = letters.reduce((sum, letter) => sum + letter.content.length, 0)
      this.#round = Math.max(1, Math.min(this.#largest, Math.floor(roundBytes / (1 + bytes / Math.max(1, letters.length)))))
      return letters
    } catch (error) {
      throw unavailable('the dead letters cannot be read', error)
    }
  }

  /** For good. @throws {GatewayError} BROKER_UNAVAILABLE */
  remove(letter: ConsumeMessage): void {
    try {
      this.#channel.ack(letter)
    } catch (error) {
      throw unavailable('the dead letter could not be removed', error)
    }
    this.#removed.add(letter.fields.deliveryTag)
  }

  /** Gives back what was not removed. Resolves when the broker has done everything. Never rejects. */
  async end(): Promise<void> {
    try {
      await this.#settled()
      await this.#giveBack()
    } catch {
      // The channel has ended: the broker gives everything back by itself.
    }
    await closeChannel(this.#channel)
    await this.#release()
  }

  /**
   * Until the broker has removed what was removed: beginning to consume waits in line behind it. Whatever that brings is the next letter,
   * and goes back with the channel.
   */
  async #settled(): Promise<void> {
    await this.#channel.prefetch(1)
    const { consumerTag } = await this.#channel.consume(this.#queue, () => undefined)
    await this.#channel.cancel(consumerTag)
  }

  async #giveBack(): Promise<void> {
    let expected = await this.#ready()
    let pending = 0
    for (let tag = 1; tag <= this.#last; tag += 1) {
      if (this.#removed.has(tag)) continue
      this.#channel.nack(tagged(tag), false, true)
      pending += 1
      if (pending < givenBackAtOnce) continue
      expected += pending
      pending = 0
      await this.#returned(expected)
    }
    await this.#returned(expected + pending)
  }

  /** Until so many letters wait in the queue. */
  async #returned(count: number): Promise<void> {
    const end = performance.now() + returnMs
    while ((await this.#ready()) < count && performance.now() < end);
  }

  async #ready(): Promise<number> {
    return (await this.#channel.checkQueue(this.#queue)).messageCount
  }

  async #fetch(count: number): Promise<readonly ConsumeMessage[]> {
    const letters: ConsumeMessage[] = []
    let wake = Promise.withResolvers<void>()
    await this.#channel.prefetch(count)
    const { consumerTag } = await this.#channel.consume(this.#queue, (letter) => {
      if (letter !== null) letters.push(letter)
      wake.resolve()
    })
    while (letters.length < count && !this.#ending.signal.aborted) {
      const before = letters.length
      wake = Promise.withResolvers()
      const waiting = new AbortController()
      await Promise.race([wake.promise, pause(idleMs, waiting.signal)])
      waiting.abort()
      if (letters.length === before && (await this.#ready()) === 0) break
    }
    await this.#channel.cancel(consumerTag)
    return letters
  }
}

async function lock(locks: Locks, name: string, signal: AbortSignal): Promise<Release> {
  const end = performance.now() + patienceMs
  for (;;) {
    const release = await locks.take(name).catch((error: unknown) => {
      throw unavailable('the dead letters cannot be read', error)
    })
    if (release !== undefined) return release
    if (performance.now() > end || signal.aborted) throw unavailable('somebody else is going through these dead letters')
    await pause(lockEveryMs, signal)
  }
}

/** The client library reads nothing of a message but its tag to give it back. */
const tagged = (deliveryTag: number): ConsumeMessage => ({
  content: Buffer.alloc(0),
  fields: { deliveryTag, redelivered: false, exchange: '', routingKey: '', consumerTag: '' },
  properties: noProperties,
})

const noProperties: ConsumeMessage['properties'] = {
  contentType: undefined,
  contentEncoding: undefined,
  headers: undefined,
  deliveryMode: undefined,
  priority: undefined,
  correlationId: undefined,
  replyTo: undefined,
  expiration: undefined,
  messageId: undefined,
  timestamp: undefined,
  type: undefined,
  userId: undefined,
  appId: undefined,
  clusterId: undefined,
}

/** A set of small numbers, one bit each: a million letters are 125 kB. */
class Marks {
  #bits = new Uint8Array(128)

  add(number: number): void {
    const index = number >> 3
    if (index >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(index + 1, this.#bits.length * 2))
      larger.set(this.#bits)
      this.#bits = larger
    }
    this.#bits[index] = (this.#bits[index] ?? 0) | (1 << (number & 7))
  }

  has(number: number): boolean {
    return ((this.#bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0
  }
}
