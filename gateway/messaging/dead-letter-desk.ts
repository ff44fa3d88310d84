import type { GatewayConfig, QueueConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Broker, BrokerDeps } from './broker.ts'
import { openBroker } from './brokers.ts'
import type { DeadLetters } from './dead-letter.ts'
import { settingsText } from './settings-text.ts'

/**
 * Where operators handle dead letters: connections of its own, opened when somebody asks and closed when nobody has for a while, so that a long
 * replay takes nothing from the data plane, and a supervisor, which has no data plane, can serve it too.
 */
export interface DeadLetterDesk {
  /** Undefined for a queue that is not declared. */
  deadLetters(config: GatewayConfig, queue: string): DeadLetters | undefined
  close(): Promise<void>
}

const idleMs = 30_000

export function deadLetterDesk(deps: BrokerDeps): DeadLetterDesk {
  const open = new Map<string, OpenBroker>()

  const use = (config: GatewayConfig, name: string): OpenBroker => {
    const brokerConfig = config.brokers.find((broker) => broker.name === name)
    if (brokerConfig === undefined) throw new GatewayError('MESSAGE_UNROUTABLE')
    const queues = config.queues.filter(({ broker }) => broker === name)
    const key = settingsText([brokerConfig, queues])
    const known = open.get(key)
    if (known !== undefined) return known
    const opened = new OpenBroker(
      openBroker(brokerConfig, deps).then(async (broker) => {
        await broker.declare(brokerConfig.type === 'embedded' ? queues.map(unexpiring) : queues)
        return broker
      }),
      () => {
        if (open.get(key) === opened) open.delete(key)
      },
    )
    open.set(key, opened)
    return opened
  }

  return {
    deadLetters: (config, queue) => {
      const broker = config.queues.find(({ name }) => name === queue)?.broker
      return broker === undefined ? undefined : overOpened(() => use(config, broker))
    },
    close: async () => void (await Promise.all([...open.values()].map((one) => one.close()))),
  }
}

/** Expired messages are the business of the data plane: a reload may have given it another `ttl` while this broker is still open. */
const unexpiring = (queue: QueueConfig): QueueConfig => ({ ...queue, ttlMs: Infinity })

/** One broker, for as long as somebody uses it and {@link idleMs} longer. */
class OpenBroker {
  readonly #broker: Promise<Broker>
  readonly #onClose: () => void
  #users = 0
  #timer: NodeJS.Timeout | undefined

  constructor(broker: Promise<Broker>, onClose: () => void) {
    this.#broker = broker
    this.#onClose = onClose
    broker.catch(onClose)
  }

  async enter(): Promise<Broker> {
    this.#users += 1
    clearTimeout(this.#timer)
    return this.#broker
  }

  leave(): void {
    this.#users -= 1
    if (this.#users === 0) this.#timer = setTimeout(() => void this.close(), idleMs).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#onClose()
    const broker = await this.#broker.catch(() => undefined)
    await broker?.close()
  }
}

function overOpened(use: () => OpenBroker): DeadLetters {
  const using = async <Result>(work: (letters: DeadLetters) => Promise<Result>): Promise<Result> => {
    const opened = use()
    try {
      return await work((await opened.enter()).deadLetters)
    } finally {
      opened.leave()
    }
  }
  return {
    async *list(queue, filter) {
      const opened = use()
      try {
        yield* (await opened.enter()).deadLetters.list(queue, filter)
      } finally {
        opened.leave()
      }
    },
    show: (queue, id) => using((letters) => letters.show(queue, id)),
    replay: (queue, filter, progress) => using((letters) => letters.replay(queue, filter, progress)),
    drop: (queue, filter, progress) => using((letters) => letters.drop(queue, filter, progress)),
  }
}
