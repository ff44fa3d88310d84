import type { Channel, ChannelModel } from 'amqplib'
import { within } from './pause.ts'

/** How long a channel or a connection may take to say goodbye. */
export const goodbyeMs = 1000
/** A command about a queue that has lost its nodes may never be answered. */
const answerMs = 5000

/** A channel that cannot end the process: its errors have a listener before anything can happen on it. `close` follows each of them. */
export const openChannel = async (model: ChannelModel): Promise<Channel> => watched(await model.createChannel())

export function watched<C extends Channel>(channel: C): C {
  channel.on('error', () => undefined)
  return channel
}

/** Closes a channel in whatever state it is; never rejects, never waits for a broker that does not answer. */
export async function closeChannel(channel: Channel): Promise<void> {
  const closed = new Promise<void>((resolve) => channel.once('close', resolve))
  // A channel that was closed already throws, and one whose connection ends meanwhile never gets its answer but emits `close`.
  const asked = (async (): Promise<void> => channel.close())().catch(() => undefined)
  await within(goodbyeMs, Promise.race([asked, closed]))
}

/**
 * Runs commands of which some may be refused: the broker closes the channel of a refused command, and the next one gets a new channel.
 * One command at a time.
 */
export class ScratchChannel {
  readonly #model: ChannelModel
  #channel: Channel | undefined

  constructor(model: ChannelModel) {
    this.#model = model
  }

  /** @throws What the broker refused it with, see `replyCode`. */
  async run<T>(command: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = (this.#channel ??= await openChannel(this.#model))
    try {
      const answer = await within(
        answerMs,
        command(channel).then((value) => ({ value })),
      )
      if (answer === undefined) throw new Error(`the broker has not answered a command for ${answerMs} ms`)
      return answer.value
    } catch (error) {
      // The refusal may arrive before the channel knows that it is closed.
      this.#channel = undefined
      void closeChannel(channel)
      throw error
    }
  }

  async close(): Promise<void> {
    const channel = this.#channel
    this.#channel = undefined
    if (channel !== undefined) await closeChannel(channel)
  }
}
