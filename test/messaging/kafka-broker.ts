import type { KafkaBrokerConfig } from '../../config/model.ts'
import type { BrokerDeps, BrokerLog } from '../../gateway/messaging/broker.ts'

export function kafkaConfig(servers: readonly string[], differences: Partial<KafkaBrokerConfig> = {}): KafkaBrokerConfig {
  return {
    name: 'default',
    type: 'kafka',
    servers,
    partitions: 3,
    replicas: 1,
    connectTimeoutMs: 3000,
    publishTimeoutMs: 10_000,
    maxMessageBytes: 2 * 1024 * 1024,
    maxUnconfirmed: 10_000,
    ...differences,
  }
}

export interface LogLine {
  readonly level: keyof BrokerLog
  readonly message: string
  readonly fields: object
}

export function brokerDeps(lines: LogLine[] = []): BrokerDeps {
  const at =
    (level: keyof BrokerLog) =>
    (fields: object, message: string): void =>
      void lines.push({ level, message, fields })
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    now: () => Date.now(),
    random: () => Math.random(),
  }
}
