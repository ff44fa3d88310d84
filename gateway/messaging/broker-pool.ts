import type { BrokerConfig, GatewayConfig, QueueConfig } from '../../config/model.ts'
import type { Broker, BrokerDeps, TopologyDifference } from './broker.ts'
import { openBroker } from './brokers.ts'
import { settingsText } from './settings-text.ts'

/** A broker and what it was told to declare. */
export interface PooledBroker {
  readonly broker: Broker
  /** The settings, as text: a broker lives on as long as they stay the same. */
  readonly settings: string
  readonly queues: readonly QueueConfig[]
  /** The queues, as text. */
  readonly declared: string
}

export type BrokerPool = ReadonlyMap<string, PooledBroker>

export interface NextPool {
  readonly pool: BrokerPool
  /** The configuration is in force: queues that it does not name any more get no messages from now on. Never rejects. */
  enter(): Promise<void>
  /** It does not come into force: what was opened is closed, and brokers that stay go by their old queues again. Never rejects. */
  abandon(): Promise<void>
}

/**
 * The brokers of a new configuration: those whose settings stay the same are the same objects, with their connections and subscriptions.
 * Until the new configuration is in force they know the queues of both. Only brokers with queues are opened.
 * @throws {GatewayError} BROKER_MISCONFIGURED; everything is then as it was.
 */
export async function nextPool(config: GatewayConfig, previous: BrokerPool, deps: BrokerDeps): Promise<NextPool> {
  const added: Broker[] = []
  const changed: { readonly broker: Broker; readonly before: readonly QueueConfig[]; readonly after: readonly QueueConfig[] }[] = []
  const redeclare = async (broker: Broker, queues: readonly QueueConfig[]): Promise<void> => {
    try {
      await broker.declare(queues)
    } catch (error) {
      deps.log.error({ broker: broker.name, err: error }, 'the queues of a broker could not be declared again')
    }
  }
  const abandon = async (): Promise<void> => {
    await Promise.all([...added.map((broker) => closed(broker, deps)), ...changed.map(({ broker, before }) => redeclare(broker, before))])
  }
  const take = async (brokerConfig: BrokerConfig): Promise<readonly [string, PooledBroker] | undefined> => {
    const queues = config.queues.filter(({ broker }) => broker === brokerConfig.name)
    if (queues.length === 0) return undefined
    const settings = settingsText(brokerConfig)
    const declared = settingsText(queues)
    const known = previous.get(brokerConfig.name)
    if (known?.settings === settings && known.declared === declared) return [brokerConfig.name, known]
    const broker = known?.settings === settings ? known.broker : await openBroker(brokerConfig, deps)
    const before = broker === known?.broker ? known.queues : []
    if (broker === known?.broker) changed.push({ broker, before, after: queues })
    else added.push(broker)
    await declare(broker, [...queues, ...dropped(before, queues)], deps)
    return [brokerConfig.name, { broker, settings, queues, declared }]
  }
  const taken = await Promise.allSettled(config.brokers.map(take))
  const failed = taken.find((result) => result.status === 'rejected')
  if (failed !== undefined) {
    await abandon()
    throw failed.reason
  }
  return {
    pool: new Map(taken.flatMap((result) => (result.status === 'fulfilled' && result.value !== undefined ? [result.value] : []))),
    enter: async () => {
      const narrowed = changed.filter(({ before, after }) => dropped(before, after).length > 0)
      await Promise.all(narrowed.map(({ broker, after }) => redeclare(broker, after)))
    },
    abandon,
  }
}

/** Closes a broker that nobody uses any more. Never rejects. */
export async function closed(broker: Broker, { log }: Pick<BrokerDeps, 'log'>): Promise<void> {
  try {
    await broker.close()
  } catch (error) {
    log.error({ broker: broker.name, err: error }, 'a broker could not be closed')
  }
}

const dropped = (before: readonly QueueConfig[], after: readonly QueueConfig[]): QueueConfig[] =>
  before.filter(({ name }) => !after.some((queue) => queue.name === name))

async function declare(broker: Broker, queues: readonly QueueConfig[], { log }: BrokerDeps): Promise<void> {
  for (const difference of await broker.declare(queues)) log.warn({ broker: broker.name, ...difference }, differenceText(difference))
}

const differenceText = ({ object, property, declared, actual }: TopologyDifference): string =>
  `${object} has ${property} ${actual} in the broker and ${declared} in the configuration: it is used as it is; remove it there to have it made anew`
