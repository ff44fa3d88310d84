import type { BrokerDeps } from '../broker.ts'
import { hasCode, textOf, unavailable } from './failure.ts'
import { longestDelayMs, rungOf } from './names.ts'
import type { Outbox, Parcel } from './outbox.ts'
import { pause } from './pause.ts'
import type { Topology } from './topology.ts'
import { copyOptions } from './wire.ts'
import type { Raw } from './wire.ts'

export type Marks = Readonly<Record<string, string | number | undefined>>

const firstPauseMs = 100
const longestPauseMs = 2000
const remindEveryMs = 30_000

/**
 * Stores copies of deliveries: for a later retry, or as dead letters. Goes on until the copy is confirmed or the delivery is lost, because
 * until then the original can neither be acknowledged nor be given up.
 */
export class Courier {
  readonly #outbox: Outbox
  readonly #topology: Topology
  readonly #deps: BrokerDeps

  constructor(outbox: Outbox, topology: Topology, deps: BrokerDeps) {
    this.#outbox = outbox
    this.#topology = topology
    this.#deps = deps
  }

  /**
   * A copy that comes back to `queue` after `delayMs`, past its exchange. One without delay takes the same way: a queue that is full would
   * refuse it, while the delay queue waits for room.
   * @param lost Aborted when the original is no longer ours.
   * @throws {GatewayError} BROKER_UNAVAILABLE when it is lost, BODY_TOO_LARGE when no copy can be made.
   */
  async later(raw: Raw, queue: string, id: string, delayMs: number, marks: Marks, lost: AbortSignal): Promise<void> {
    const dueInMs = Math.min(delayMs, longestDelayMs)
    const options = copyOptions(raw, id, marks, dueInMs)
    await this.#store(queue, lost, async () => {
      const name = await this.#topology.delayQueue(queue, rungOf(dueInMs))
      return { exchange: '', routingKey: name, content: raw.content, options }
    })
  }

  /** A copy at the end of the queue `target` itself. Throws like `later`. */
  async now(raw: Raw, target: string, id: string, marks: Marks, lost: AbortSignal): Promise<void> {
    const parcel: Parcel = { exchange: '', routingKey: target, content: raw.content, options: copyOptions(raw, id, marks) }
    await this.#store(target, lost, () => Promise.resolve(parcel))
  }

  async #store(queue: string, lost: AbortSignal, make: () => Promise<Parcel>): Promise<void> {
    // An operator should know why deliveries do not come to their end.
    const reminder = setInterval(() => this.#deps.log.warn({ queue }, 'a copy of a delivery is still not confirmed'), remindEveryMs)
    try {
      await this.#repeat(queue, lost, make)
    } finally {
      clearInterval(reminder)
    }
  }

  async #repeat(queue: string, lost: AbortSignal, make: () => Promise<Parcel>): Promise<void> {
    for (let pauseMs = firstPauseMs; !lost.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      let parcel: Parcel | undefined
      try {
        parcel = await make()
        await this.#outbox.send(parcel, lost)
        return
      } catch (error) {
        if (hasCode(error, 'BODY_TOO_LARGE')) throw error
        this.#deps.log.warn({ queue, error: textOf(error) }, 'a copy of a delivery is not stored yet: trying again')
        if (hasCode(error, 'MESSAGE_UNROUTABLE')) {
          if (parcel !== undefined) this.#topology.forgetDelayQueue(parcel.routingKey)
          await this.#topology.restore()
        }
      }
      await pause(pauseMs * (0.5 + this.#deps.random() / 2), lost)
    }
    throw unavailable('the delivery was lost before its copy was stored')
  }
}
