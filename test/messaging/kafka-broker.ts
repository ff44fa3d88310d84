import type { KafkaBrokerConfig } from '../../config/model.ts'
import type { Broker, BrokerDeps, BrokerLog, Subscription } from '../../gateway/messaging/broker.ts'

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
    (fields: object, text: string): void =>
      void lines.push({ level, message: text, fields })
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    now: () => Date.now(),
    random: () => Math.random(),
  }
}

/** Acknowledges everything and remembers how often each id came. */
export function counting(
  broker: Broker,
  queue: string,
  prefetch = 20,
): { readonly counts: ReadonlyMap<string, number>; readonly subscription: Subscription } {
  const counts = new Map<string, number>()
  const subscription = broker.subscribe({ queue, prefetch, holdMs: Infinity, exclusive: false, consumer: 'test' }, (delivery) => {
    counts.set(delivery.message.id, (counts.get(delivery.message.id) ?? 0) + 1)
    // Not stored: it comes again.
    delivery.settle({ outcome: 'ack' }).catch(() => undefined)
  })
  return { counts, subscription }
}
