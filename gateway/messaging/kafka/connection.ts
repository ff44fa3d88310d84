import type { Admin } from '@platformatic/kafka'
import type { KafkaBrokerConfig } from '../../../config/model.ts'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'
import { briefly, clients, describeFailure, isRefusal, isUntrusted, loadLibrary } from './library.ts'
import type { Clients } from './library.ts'
import { link } from './link.ts'
import type { Link } from './link.ts'
import { sender } from './sender.ts'
import type { Sender } from './sender.ts'

/** What one broker has open towards its cluster, made when it is first needed. */
export interface Connection {
  readonly link: Link
  /** @throws {GatewayError} BROKER_MISCONFIGURED when the client package is missing. */
  opened(): Promise<Opened>
  /** Wrong credentials or certificates, as soon as they are known; no waiting helps then. */
  readonly refusal: GatewayError | undefined
  close(): Promise<void>
}

export interface Opened {
  readonly clients: Clients
  readonly admin: Admin
  readonly sender: Sender
}

const goodbyeMs = 2000

export function connection(config: KafkaBrokerConfig, log: BrokerLog, onUp: () => void): Connection {
  let opening: Promise<Opened> | undefined
  let refusal: GatewayError | undefined

  const open = async (): Promise<Opened> => {
    const all = clients(await loadLibrary(), config)
    const producer = all.producer()
    return { clients: all, admin: all.admin(), sender: sender(producer, all.library, state) }
  }
  const opened = (): Promise<Opened> => (opening ??= open())
  const state = link({
    log,
    broker: config.name,
    async probe() {
      const { admin } = await opened()
      try {
        await admin.metadata({ topics: [], forceUpdate: true, retries: 0 })
        refusal = undefined
      } catch (error) {
        if (isRefusal(error)) refusal = new GatewayError('BROKER_MISCONFIGURED', { detail: refusalOf(config.name, error), cause: error })
        throw error
      }
    },
    onUp,
  })
  return {
    link: state,
    opened,
    get refusal() {
      return refusal
    },
    async close() {
      state.close()
      const all = await opening?.catch(() => undefined)
      if (all === undefined) return
      await Promise.all([all.sender.close(), briefly(all.admin.close(), goodbyeMs)])
    },
  }
}

const refusalOf = (broker: string, error: unknown): string =>
  isUntrusted(error)
    ? `The certificates of the broker "${broker}" do not fit: ${describeFailure(error)}`
    : `The Kafka cluster refuses the credentials of the broker "${broker}".`
