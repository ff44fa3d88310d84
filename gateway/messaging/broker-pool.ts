import type { BrokerConfig, GatewayConfig, QueueConfig } from '../../config/model.ts'
import type { Broker, BrokerDeps, TopologyDifference } from './broker.ts'
import { openBroker } from './brokers.ts'

/** A broker and what it was told to declare. */
export interface PooledBroker {
  readonly broker: Broker
  /** The settings, as text: a broker lives on as long as they stay the same. */
  readonly settings: string
  /** The queues, as text. */
  readonly declared: string
}

export type BrokerPool = ReadonlyMap<string, PooledBroker>

export interface NextPool {
  readonly pool: BrokerPool
  /** Made for the new configuration; close them when it does not come into force. */
  readonly added: readonly Broker[]
}

/**
 * The brokers of a new configuration: those whose settings stay the same are the same objects, with their connections and subscriptions.
 * Only brokers with queues are opened.
 * @throws {GatewayError} BROKER_MISCONFIGURED; nothing that was opened here is left open then.
 */
export async function nextPool(config: GatewayConfig, previous: BrokerPool, deps: BrokerDeps): Promise<NextPool> {
  const added: Broker[] = []
  const take = async (brokerConfig: BrokerConfig): Promise<readonly [string, PooledBroker] | undefined> => {
    const queues = config.queues.filter(({ broker }) => broker === brokerConfig.name)
    if (queues.length === 0) return undefined
    const settings = JSON.stringify(brokerConfig)
    const declared = JSON.stringify(queues, lengthsAsText)
    const known = previous.get(brokerConfig.name)
    if (known?.settings === settings && known.declared === declared) return [brokerConfig.name, known]
    const broker = known?.settings === settings ? known.broker : await openBroker(brokerConfig, deps)
    if (broker !== known?.broker) added.push(broker)
    await declare(broker, queues, deps)
    return [brokerConfig.name, { broker, settings, declared }]
  }
  const taken = await Promise.allSettled(config.brokers.map(take))
  const failed = taken.find((result) => result.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(added.map((broker) => broker.close()))
    throw failed.reason
  }
  return { pool: new Map(taken.flatMap((result) => (result.status === 'fulfilled' && result.value !== undefined ? [result.value] : []))), added }
}

async function declare(broker: Broker, queues: readonly QueueConfig[], { log }: BrokerDeps): Promise<void> {
  for (const difference of await broker.declare(queues)) log.warn({ broker: broker.name, ...difference }, differenceText(difference))
}

const differenceText = ({ object, property, declared, actual }: TopologyDifference): string =>
  `${object} has ${property} ${actual} in the broker and ${declared} in the configuration: it is used as it is; remove it there to have it made anew`

// JSON has no Infinity.
const lengthsAsText = (_key: string, value: unknown): unknown => (value === Infinity ? 'never' : value)
