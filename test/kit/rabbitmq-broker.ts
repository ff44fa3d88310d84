import type { RabbitmqBrokerConfig } from '../../config/model.ts'
import type { Broker, BrokerDeps } from '../../gateway/messaging/broker.ts'
import { rabbitmqBroker } from '../../gateway/messaging/rabbitmq/broker.ts'
import type { BrokerHarness } from '../contracts/broker-suite.ts'
import { startRabbitmq } from './rabbitmq.ts'

const maxMessageBytes = 4 * 1024 * 1024

export const rabbitmqConfig = (urls: readonly string[], differences: Partial<RabbitmqBrokerConfig> = {}): RabbitmqBrokerConfig => ({
  name: 'default',
  type: 'rabbitmq',
  urls,
  maxMessageBytes,
  publishTimeoutMs: 5000,
  maxUnconfirmed: 1000,
  heartbeatMs: 5000,
  connectTimeoutMs: 2000,
  queueType: 'quorum',
  ...differences,
})

/** Lines that the broker logged, oldest first. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object
}

export function brokerDeps(lines: LogLine[] = []): BrokerDeps {
  const write =
    (level: LogLine['level']) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields })
  return {
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    now: () => Date.now(),
    random: () => Math.random(),
  }
}

export const openRabbitmqBroker = (urls: readonly string[], differences: Partial<RabbitmqBrokerConfig> = {}, lines: LogLine[] = []): Broker =>
  rabbitmqBroker(rabbitmqConfig(urls, differences), brokerDeps(lines))

/** For the shared suite: one server for a file, and any number of brokers on it. */
export const rabbitmqHarness = (nodes: 1 | 3) => async (): Promise<BrokerHarness> => {
  const server = await startRabbitmq({ nodes })
  return {
    broker: () => Promise.resolve(openRabbitmqBroker(server.urls)),
    stop: () => server.stop(),
    maxMessageBytes,
  }
}
