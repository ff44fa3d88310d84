import type { ConsumeMessage } from 'amqplib'
import type { BrokerDeps } from '../broker.ts'
import type { DeadLetter, DeadLetterFilter, DeadLetters, Progress } from '../dead-letter.ts'
import type { Message } from '../message.ts'
import { hasCode } from './failure.ts'
import { LetterWalk } from './letter-walk.ts'
import type { WalkTools } from './letter-walk.ts'
import type { Outbox, Parcel } from './outbox.ts'
import { freshMarks, letterMessage, letterOf } from './parking.ts'
import type { Topology } from './topology.ts'
import { copyOptions } from './wire.ts'

export interface DeadLetterTools extends WalkTools {
  readonly outbox: Outbox
  readonly topology: Topology
  readonly deps: BrokerDeps
  /** Opens the connection for publishing. */
  readonly start: () => void
}

interface Found {
  readonly raw: ConsumeMessage
  readonly letter: DeadLetter
}

/** Looked at by fetching and giving back, because AMQP cannot read a queue: `x-delivery-count` of a letter grows, which has no effect. */
export class RabbitmqDeadLetters implements DeadLetters {
  readonly #tools: DeadLetterTools

  constructor(tools: DeadLetterTools) {
    this.#tools = tools
  }

  async *list(queue: string, filter: DeadLetterFilter): AsyncIterable<DeadLetter> {
    const walk = await this.#walk(queue, filter, 'look')
    if (walk === undefined) return
    try {
      for (let round = await walk.next(); round.length > 0; round = await walk.next())
        for (const { letter } of this.#matching(queue, round, filter)) yield letter
    } finally {
      await walk.end()
    }
  }

  async show(queue: string, id: string): Promise<{ readonly letter: DeadLetter; readonly message: Message } | undefined> {
    const filter = { ids: [id] }
    const walk = await this.#walk(queue, filter, 'look')
    if (walk === undefined) return undefined
    try {
      for (let round = await walk.next(); round.length > 0; round = await walk.next()) {
        const [found] = this.#matching(queue, round, filter)
        if (found !== undefined) return { letter: found.letter, message: letterMessage(found.raw, found.letter.parkedAtMs) }
      }
      return undefined
    } finally {
      await walk.end()
    }
  }

  replay(queue: string, filter: DeadLetterFilter, progress?: Progress): Promise<number> {
    this.#tools.start()
    return this.#remove(queue, filter, progress, async ({ raw, letter }) => {
      const options = copyOptions(raw, letter.id, freshMarks)
      await this.#send({ exchange: '', routingKey: queue, content: raw.content, options })
    })
  }

  drop(queue: string, filter: DeadLetterFilter, progress?: Progress): Promise<number> {
    return this.#remove(queue, filter, progress, () => Promise.resolve())
  }

  /**
   * A letter goes when `before` has resolved; one whose `before` fails stays, and the run ends with its error: at once, or after all the others
   * where it is the letter's own fault.
   */
  async #remove(queue: string, filter: DeadLetterFilter, progress: Progress | undefined, before: (found: Found) => Promise<void>): Promise<number> {
    const walk = await this.#walk(queue, filter, 'remove')
    if (walk === undefined) return 0
    let done = 0
    let uncopied: PromiseRejectedResult | undefined
    try {
      for (let round = await walk.next(); round.length > 0; round = await walk.next()) {
        const outcomes = await Promise.allSettled(
          this.#matching(queue, round, filter).map(async (found) => {
            await before(found)
            walk.remove(found.raw)
            done += 1
          }),
        )
        if (outcomes.length > 0) progress?.(done)
        const failures = outcomes.filter((outcome) => outcome.status === 'rejected')
        const grave = failures.find(({ reason }) => !hasCode(reason, 'BODY_TOO_LARGE'))
        if (grave !== undefined) throw grave.reason
        uncopied ??= failures[0]
      }
      if (uncopied !== undefined) throw uncopied.reason
    } finally {
      await walk.end()
    }
    return done
  }

  async #send(parcel: Parcel): Promise<void> {
    const { outbox, topology } = this.#tools
    try {
      await outbox.send(parcel)
    } catch (error) {
      if (!hasCode(error, 'MESSAGE_UNROUTABLE')) throw error
      await topology.restore()
      await outbox.send(parcel)
    }
  }

  async #walk(queue: string, filter: DeadLetterFilter, purpose: 'look' | 'remove'): Promise<LetterWalk | undefined> {
    return filter.ids?.length === 0 ? undefined : LetterWalk.begin(this.#tools, queue, purpose)
  }

  #matching(queue: string, round: readonly ConsumeMessage[], filter: DeadLetterFilter): readonly Found[] {
    const nowMs = this.#tools.deps.now()
    return round.map((raw) => ({ raw, letter: letterOf(raw, queue, nowMs) })).filter(({ letter }) => matches(letter, filter))
  }
}

function matches(letter: DeadLetter, { ids, reason, errorType, parkedFromMs = -Infinity, parkedBeforeMs = Infinity }: DeadLetterFilter): boolean {
  return (
    (ids === undefined || ids.includes(letter.id)) &&
    (reason === undefined || letter.reason === reason) &&
    (errorType === undefined || letter.lastError.type === errorType) &&
    letter.parkedAtMs >= parkedFromMs &&
    letter.parkedAtMs < parkedBeforeMs
  )
}
