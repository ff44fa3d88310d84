import { ScratchChannel } from './channels.ts'
import { replyCode, replyCodes } from './failure.ts'
import type { Link } from './link.ts'
import { lockQueueOf } from './names.ts'

/** Gives the right back. Never rejects. */
export type Release = () => Promise<void>

/**
 * The sole right to consume a queue, among all gateways: quorum queues do not know exclusive consumers, but only one connection can have an
 * exclusive queue of a name. It ends with the connection, like the unsettled deliveries themselves.
 */
export class Locks {
  readonly #link: Link
  readonly #held = new Set<string>()

  constructor(link: Link) {
    this.#link = link
    link.on('down', () => this.#held.clear())
  }

  /**
   * @returns undefined while somebody else has it.
   * @throws When there is no connection.
   */
  async take(queue: string): Promise<Release | undefined> {
    const { model } = this.#link
    if (model === undefined) throw new Error('there is no connection to the broker')
    // Within one connection the broker would let everybody have it.
    if (this.#held.has(queue)) return undefined
    this.#held.add(queue)
    const name = lockQueueOf(queue)
    const scratch = new ScratchChannel(model)
    try {
      await scratch.run((channel) => channel.assertQueue(name, { exclusive: true, durable: false }))
    } catch (error) {
      this.#held.delete(queue)
      if (replyCode(error) === replyCodes.resourceLocked) return undefined
      throw error
    } finally {
      await scratch.close()
    }
    return async () => {
      // Otherwise it went with its connection.
      if (this.#link.model !== model) return
      const last = new ScratchChannel(model)
      await last.run((channel) => channel.deleteQueue(name)).catch(() => undefined)
      await last.close()
      this.#held.delete(queue)
    }
  }
}
