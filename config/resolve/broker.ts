import { resolve } from 'node:path'
import type { BrokerInput } from '../../schemas/brokers.ts'
import type { BrokerConfig } from '../model.ts'
import { readBytes, readDurationMs, readKafkaServer } from './readers.ts'
import { resolveTls, type TlsTexts } from './tls.ts'

/** @param cwd What relative file names refer to; absolute. */
export const resolveBroker = (name: string, broker: BrokerInput, texts: TlsTexts, cwd: string): BrokerConfig => {
  const common = {
    name,
    maxMessageBytes: readBytes(broker.max_message_size),
    publishTimeoutMs: readDurationMs(broker.publish_timeout),
    maxUnconfirmed: broker.max_unconfirmed,
  }
  switch (broker.type) {
    case 'embedded':
      return { type: 'embedded', ...common, path: resolve(cwd, broker.path) }
    case 'rabbitmq':
      return {
        type: 'rabbitmq',
        ...common,
        urls: broker.urls,
        ...(broker.username !== undefined && { username: broker.username }),
        ...(broker.password !== undefined && { password: broker.password }),
        ...(broker.tls && { tls: resolveTls(broker.tls, texts) }),
        heartbeatMs: readDurationMs(broker.heartbeat),
        connectTimeoutMs: readDurationMs(broker.connect_timeout),
        queueType: broker.queue_type,
      }
    case 'kafka':
      return {
        type: 'kafka',
        ...common,
        servers: broker.urls.map(readKafkaServer),
        ...(broker.tls && { tls: resolveTls(broker.tls, texts) }),
        ...(broker.sasl && { sasl: broker.sasl }),
        partitions: broker.partitions,
        replicas: broker.replicas,
        connectTimeoutMs: readDurationMs(broker.connect_timeout),
      }
  }
}
