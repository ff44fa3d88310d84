/**
 * The trusted, frozen configuration: names resolved, units in the names, defaults filled.
 * Plain data (structured-clone safe), so that a supervisor can hand it to its workers.
 * Times are milliseconds, sizes bytes; `Infinity` stands for "never".
 */
export interface GatewayConfig {
  /** SHA-256 (hex, first 12 digits) of the effective configuration. */
  readonly hash: string
  readonly listeners: readonly ListenerConfig[]
  readonly admin: { readonly address: Address }
  readonly limits: LimitsConfig
  readonly shutdown: { readonly delayMs: number; readonly drainTimeoutMs: number }
  readonly log: { readonly level: LogLevel }
  readonly accessLog: AccessLogConfig
  readonly tracing: TracingConfig
  readonly services: readonly ServiceConfig[]
  readonly routes: readonly RouteConfig[]
  readonly messaging: MessagingConfig
  readonly brokers: readonly BrokerConfig[]
  /** Those of `queues`, and one for each subscriber of an event. */
  readonly queues: readonly QueueConfig[]
  /** Those of `consumers`, and one for each subscriber of an event. */
  readonly consumers: readonly ConsumerConfig[]
  readonly events: readonly EventConfig[]
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface Address {
  /** Host name or IP address, without brackets. */
  readonly host: string
  readonly port: number
}

export interface ListenerConfig {
  readonly name: string
  readonly address: Address
  /** IP addresses and CIDR ranges. */
  readonly trustedProxies: readonly string[]
}

export interface LimitsConfig {
  readonly maxConnections: number
  readonly maxRequests: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly sendTimeoutMs: number
}

export interface AccessLogConfig {
  readonly enabled: boolean
  readonly query: boolean
  /** Lower case. */
  readonly requestHeaders: readonly string[]
}

export interface TracingConfig {
  /** Header names, lower case. */
  readonly headers: {
    readonly traceId: string
    readonly parentSpanId: string
    readonly spanId: string
    readonly sampled: string
  }
}

export interface ServiceConfig {
  readonly name: string
  /** Origins such as `http://127.0.0.1:9101`. */
  readonly urls: readonly string[]
  readonly dns?: DnsConfig
  readonly loadBalancing: 'round_robin' | 'least_requests' | 'random'
  readonly healthCheck?: HealthCheckConfig
  readonly passiveHealth?: { readonly failures: number; readonly ejectForMs: number }
  readonly connectTimeoutMs: number
  readonly maxConnections: number
  readonly maxPending: number
  readonly hostHeader: 'upstream' | 'client'
  readonly tls?: UpstreamTlsConfig
}

export interface DnsConfig {
  readonly name: string
  /** Undefined for SRV names, whose records carry the port. */
  readonly port?: number
  readonly refreshMs: number
  /** Empty: the machine's own. */
  readonly servers: readonly Address[]
}

export interface HealthCheckConfig {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

export interface UpstreamTlsConfig {
  readonly verify: boolean
  readonly serverName?: string
  /** PEM contents, read and checked at load time. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface RouteConfig {
  /** Stable identity across reloads: the JSON of what the rule matches. */
  readonly id: string
  /** `name` of the rule, or its path. */
  readonly name: string
  /** Where the rule stands, `file:line:col`. */
  readonly origin: string
  readonly match: RouteMatch
  readonly target: RouteTarget
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly deadlineMs: number
  readonly retry?: RetryConfig
  readonly circuitBreaker?: CircuitBreakerConfig
  readonly rewrite?: RewriteConfig
  readonly requestHeaders?: HeaderEdits
  readonly responseHeaders?: HeaderEdits
  readonly cors?: CorsConfig
  readonly maxBodyBytes: number
  readonly mirror?: { readonly service: string; readonly percent: number }
}

export interface RouteMatch {
  /** The path as written. */
  readonly path: string
  readonly segments: readonly PathSegment[]
  /** True when the path ends in `/*`: the path before it and all below. */
  readonly prefix: boolean
  /** True when an exact path ends in `/`. */
  readonly trailingSlash: boolean
  /** Upper case; empty for all. GET is accompanied by HEAD. */
  readonly methods: readonly string[]
  /** Lower case; `*.example.com` for sub-domains; empty for all. */
  readonly hosts: readonly string[]
  /** Name in lower case; value undefined for "present". */
  readonly headers: readonly NamedMatch[]
  readonly query: readonly NamedMatch[]
}

export type PathSegment = { readonly literal: string } | { readonly param: string }

export interface NamedMatch {
  readonly name: string
  readonly value?: string
}

export type RouteTarget =
  | { readonly type: 'service'; readonly service: string }
  | { readonly type: 'split'; readonly choices: readonly { readonly service: string; readonly weight: number }[] }
  | { readonly type: 'respond'; readonly status: number; readonly headers: readonly HeaderPair[]; readonly body: string }
  | { readonly type: 'redirect'; readonly to: string; readonly status: number }
  | QueueTarget
  | EventsTarget

/** Answered with 202 and the address of a status resource. */
export interface QueueTarget {
  readonly type: 'queue'
  /** Name in `GatewayConfig.queues`. */
  readonly queue: string
  readonly idempotency: {
    /** Lower case. */
    readonly header: string
    readonly required: boolean
    readonly ttlMs: number
  }
}

/** Takes CloudEvents of these types, names in `GatewayConfig.events`. */
export interface EventsTarget {
  readonly type: 'events'
  readonly events: readonly string[]
}

/** Name in lower case, value. */
export type HeaderPair = readonly [name: string, value: string]

export interface RetryConfig {
  /** Attempts at most, the first one included. */
  readonly maxAttempts: number
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  readonly budgetPercent: number
  readonly budgetMinPerSecond: number
  /** Header (lower case) whose presence makes POST and PATCH repeatable. */
  readonly idempotencyHeader?: string
}

export interface CircuitBreakerConfig {
  readonly thresholdPercent: number
  readonly resetTimeoutMs: number
  readonly windowMs: number
  readonly volume: number
}

export type RewriteConfig = { readonly stripPrefix: string } | { readonly template: string }

export interface HeaderEdits {
  readonly set: readonly HeaderPair[]
  readonly add: readonly HeaderPair[]
  /** Lower case. */
  readonly remove: readonly string[]
}

export interface CorsConfig {
  /** Exact origins; `['*']` for any. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposeHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number
}

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
