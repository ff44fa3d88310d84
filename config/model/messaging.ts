import type { CircuitBreakerConfig, EventsTarget, JsonTemplate } from './routes.ts'
import type { UpstreamTlsConfig } from './services.ts'

export interface MessagingConfig {
  /** Path under which the main listeners serve the status of messages: `/-/messages`; no trailing slash. */
  readonly statusPath: string
  /** How long the status of a message can be asked for after it ended. */
  readonly statusTtlMs: number
  readonly store: JobStoreConfig
}

/** Where statuses and idempotency keys are kept. */
export type JobStoreConfig = EmbeddedStoreConfig | RedisStoreConfig

export interface EmbeddedStoreConfig {
  readonly type: 'embedded'
  /** Absolute path of the SQLite file. */
  readonly path: string
}

export interface RedisStoreConfig {
  readonly type: 'redis'
  /** `redis://host:6379/0` or `rediss://`, with or without credentials: one server, or the Sentinels. Never print them. */
  readonly urls: readonly string[]
  readonly username?: string
  readonly password?: string
  readonly tls?: UpstreamTlsConfig
  readonly keyPrefix: string
  readonly sentinel?: { readonly name: string; readonly database: number; readonly username?: string; readonly password?: string }
  /** Replicas that must have a key before it counts; 0 for none. */
  readonly wait: { readonly replicas: number; readonly timeoutMs: number }
  readonly commandTimeoutMs: number
  readonly connectTimeoutMs: number
}

export type BrokerConfig = EmbeddedBrokerConfig | RabbitmqBrokerConfig | KafkaBrokerConfig

interface CommonBrokerConfig {
  readonly name: string
  readonly maxMessageBytes: number
  /** How long a publish may wait for its confirmation. */
  readonly publishTimeoutMs: number
  /** Publishes that may wait for their confirmation; beyond them QUEUE_FULL. */
  readonly maxUnconfirmed: number
}

export interface EmbeddedBrokerConfig extends CommonBrokerConfig {
  readonly type: 'embedded'
  /** Absolute path of the SQLite file. */
  readonly path: string
}

export interface RabbitmqBrokerConfig extends CommonBrokerConfig {
  readonly type: 'rabbitmq'
  /** `amqp://host:5672/vhost` or `amqps://`, with or without credentials; tried in turn. Never print them. */
  readonly urls: readonly string[]
  readonly username?: string
  readonly password?: string
  readonly tls?: UpstreamTlsConfig
  readonly heartbeatMs: number
  readonly connectTimeoutMs: number
  /** Of durable queues; those that are not durable are always classic. */
  readonly queueType: 'quorum' | 'classic'
}

export interface KafkaBrokerConfig extends CommonBrokerConfig {
  readonly type: 'kafka'
  /** `host:9092`. */
  readonly servers: readonly string[]
  readonly tls?: UpstreamTlsConfig
  readonly sasl?: { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: string }
  /** Of topics that are made here. */
  readonly partitions: number
  readonly replicas: number
  readonly connectTimeoutMs: number
}

export interface QueueConfig {
  readonly name: string
  /** Name in `GatewayConfig.brokers`. */
  readonly broker: string
  /** Type of the exchange that the queue is bound to. */
  readonly type: 'direct' | 'topic' | 'fanout'
  readonly exchange: string
  /** Routing keys, for topic patterns with `*` (one word) and `#` (any number); empty for fanout. */
  readonly bindings: readonly string[]
  readonly durable: boolean
  readonly ttlMs: number
  /** Whether dead letters are kept; otherwise they are discarded, with a log line. */
  readonly deadLetter: boolean
  /** A publish beyond either limit is refused with QUEUE_FULL; `Infinity` for none. */
  readonly maxLength: number
  readonly maxBytes: number
  /** Where the key of a message is, as its consumers ask for. */
  readonly orderBy?: OrderBy
  readonly purpose?: string
}

export type OrderBy = { readonly header: string } | { readonly body: readonly string[] }

export interface ConsumerConfig {
  readonly name: string
  /** Where it is declared, `file:line:col`. */
  readonly origin: string
  /** Name in `GatewayConfig.queues`. */
  readonly queue: string
  readonly prefetch: number
  readonly concurrency: number
  /** One attempt. */
  readonly timeoutMs: number
  /** Within one delivery. */
  readonly retry: DeliveryBackoff & { readonly maxAttempts: number }
  /** Between deliveries. */
  readonly redelivery: DeliveryBackoff & { readonly deadLetterAfter: number }
  readonly circuitBreaker?: CircuitBreakerConfig
  readonly orderBy?: OrderBy
  /** Starts without taking messages. */
  readonly paused: boolean
  /** Absent: nothing takes the messages, they wait. */
  readonly deliverTo?: DeliveryTarget
}

export interface DeliveryBackoff {
  readonly backoff: 'exponential' | 'linear' | 'constant'
  readonly baseDelayMs: number
  readonly maxDelayMs: number
}

export type DeliveryTarget =
  | { readonly type: 'service'; readonly service: string; readonly path: string; readonly method: string }
  | { readonly type: 'queue'; readonly queue: string }
  | EventsTarget
  | { readonly type: 'operation'; readonly integration: string; readonly operation: string; readonly request?: JsonTemplate }
  | { readonly type: 'flow'; readonly flow: string; readonly request?: JsonTemplate }

export interface EventConfig {
  readonly name: string
  readonly broker: string
  /** Where it is published; its name is the routing key. */
  readonly exchange: string
  /** Allowed values of `ce-source`; empty for any. */
  readonly publishers: readonly string[]
  /** JSON Schema (draft 2020-12 or draft-07) of the data, plain data. */
  readonly schema?: unknown
  /** Queues that get it. */
  readonly queues: readonly string[]
}
