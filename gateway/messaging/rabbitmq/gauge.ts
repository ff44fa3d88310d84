import type { QueueConfig } from '../../../config/model.ts'
import type { QueueStats } from '../broker.ts'
import { ScratchChannel } from './channels.ts'
import { replyCode, replyCodes } from './failure.ts'
import type { Link } from './link.ts'
import { deadLetterQueueOf, delayQueueOf, dueQueueOf, rungsMs } from './names.ts'
import { within } from './pause.ts'
import type { Topology } from './topology.ts'

/** Held by this process: AMQP tells how many messages wait, but not how many are unacknowledged. */
export interface Held {
  readonly count: number
  /** Publishing time of the oldest. */
  readonly oldestAtMs: number | undefined
}

/** Answers are given within this time, whatever the broker does. */
const patienceMs = 4000
/** Delay queues that were not there are looked for again after this time: another gateway may have made them. */
const missingForMs = 30_000
/** Missing delay queues that are looked for in one go: each costs the broker a channel. */
const searchedAtOnce = 100

/** Measures queues by declaring them passively, on a channel of its own. */
export class Gauge {
  readonly #link: Link
  readonly #topology: Topology
  readonly #held: (queue: string) => Held
  /** Names of delay queues that were not there, and when. */
  readonly #missing = new Map<string, number>()

  constructor(link: Link, topology: Topology, held: (queue: string) => Held) {
    this.#link = link
    this.#topology = topology
    this.#held = held
    link.on('up', () => this.#missing.clear())
  }

  async stats(): Promise<readonly QueueStats[]> {
    const { queues } = this.#topology
    const measured = await within(
      patienceMs,
      this.#measure(queues).catch(() => undefined),
    )
    return measured ?? queues.map(({ name }) => ({ queue: name, depth: undefined, oldestAtMs: undefined, deadLetters: undefined }))
  }

  async #measure(queues: readonly QueueConfig[]): Promise<readonly QueueStats[] | undefined> {
    const { model } = this.#link
    if (model === undefined) return undefined
    const scratch = new ScratchChannel(model)
    let searches = searchedAtOnce
    try {
      const stats: QueueStats[] = []
      for (const { name, deadLetter } of queues) {
        const waiting = await ready(scratch, name)
        let delayed = (await ready(scratch, dueQueueOf(name))) ?? 0
        for (const rungMs of rungsMs) {
          const delayQueue = delayQueueOf(name, rungMs)
          if (this.#isMissing(delayQueue)) continue
          if (searches <= 0) break
          const count = await ready(scratch, delayQueue)
          if (count === undefined) searches -= 1
          this.#note(delayQueue, count)
          delayed += count ?? 0
        }
        const { count, oldestAtMs } = this.#held(name)
        const deadLetters = deadLetter ? await ready(scratch, deadLetterQueueOf(name)) : 0
        stats.push({ queue: name, depth: waiting === undefined ? undefined : waiting + delayed + count, oldestAtMs, deadLetters })
      }
      return stats
    } finally {
      await scratch.close()
    }
  }

  #isMissing(delayQueue: string): boolean {
    if (this.#topology.hasDelayQueue(delayQueue)) return false
    return performance.now() - (this.#missing.get(delayQueue) ?? -Infinity) < missingForMs
  }

  #note(delayQueue: string, count: number | undefined): void {
    if (count === undefined) this.#missing.set(delayQueue, performance.now())
    else this.#missing.delete(delayQueue)
  }
}

/** Messages that wait in a queue; undefined when there is none of that name. */
async function ready(scratch: ScratchChannel, queue: string): Promise<number | undefined> {
  try {
    return (await scratch.run((channel) => channel.checkQueue(queue))).messageCount
  } catch (error) {
    if (replyCode(error) === replyCodes.notFound) return undefined
    throw error
  }
}
