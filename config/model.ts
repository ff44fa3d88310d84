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
  /** Modules of adapters beside the built-in ones: absolute paths, or names of npm packages. */
  readonly plugins: readonly PluginSource[]
  readonly integrations: readonly IntegrationConfig[]
  readonly flows: readonly FlowConfig[]
  readonly alerts: readonly AlertConfig[]
  readonly state: StateStoreConfig
  readonly secrets: SecretsConfig
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
  | OperationTarget
  | FlowTarget
  | { readonly type: 'webhook'; readonly integration: string }

export interface OperationTarget {
  readonly type: 'operation'
  /** Name in `GatewayConfig.integrations`. */
  readonly integration: string
  readonly operation: string
  readonly idempotency: IdempotencyConfig
  /** Template of the input; undefined for the JSON body with the path parameters. */
  readonly request?: JsonTemplate
  readonly response: ResponseConfig
}

export interface FlowTarget {
  readonly type: 'flow'
  /** Name in `GatewayConfig.flows`. */
  readonly flow: string
  readonly idempotency: IdempotencyConfig
  readonly request?: JsonTemplate
  readonly response: ResponseConfig
}

export interface ResponseConfig {
  readonly status: number
  /** Name in lower case, template. */
  readonly headers: readonly HeaderPair[]
  /** Template of the JSON body; undefined for the output as it is. */
  readonly body?: JsonTemplate
}

/** JSON whose strings may hold CEL expressions in double braces; compiled by `config/templates/template.ts`. */
export type JsonTemplate = JsonValue

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** Answered with 202 and the address of a status resource. */
export interface QueueTarget {
  readonly type: 'queue'
  /** Name in `GatewayConfig.queues`. */
  readonly queue: string
  readonly idempotency: IdempotencyConfig
}

export interface IdempotencyConfig {
  /** Lower case. */
  readonly header: string
  readonly required: boolean
  readonly ttlMs: number
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

/** What `import()` takes: a `file:` URL, or the name of a package that is resolved from `from`. */
export interface PluginSource {
  /** As written. */
  readonly name: string
  /** Absolute path of the module, or of the folder whose package names it; undefined for names of packages. */
  readonly path?: string
  /** Absolute path of the file that names it. */
  readonly from: string
}

export interface IntegrationConfig {
  readonly name: string
  /** Where it is declared, `file:line:col`. */
  readonly origin: string
  /** Type of the adapter. */
  readonly plugin: string
  readonly capability: string
  readonly criticality: 'low' | 'medium' | 'high' | 'critical'
  /** Without a slash at its end. */
  readonly baseUrl: string
  /** As written, defaults filled in; secrets stand as references, or as texts that must never be printed. */
  readonly auth: { readonly type: 'none' | 'bearer' | 'api_key' | 'basic' | 'oauth2' | 'aws' } & { readonly [key: string]: JsonValue }
  readonly tls?: UpstreamTlsConfig
  readonly connectTimeoutMs: number
  readonly timeoutMs: number
  readonly rateLimit?: RateConfig
  readonly maxConcurrent: number
  readonly retry: DeliveryBackoff & { readonly maxAttempts: number }
  readonly circuitBreaker?: CircuitBreakerConfig
  readonly idempotencyTtlMs: number
  readonly reconcile: { readonly baseDelayMs: number; readonly maxDelayMs: number; readonly giveUpAfterMs: number }
  /** Checked against the adapter's schema, defaults filled in; secrets stand as references, or as texts that must never be printed. */
  readonly settings: Readonly<Record<string, JsonValue>>
  /** Every operation that can be called, those included that the file does not name. */
  readonly operations: readonly OperationConfig[]
}

export interface OperationConfig {
  readonly name: string
  readonly idempotency: 'required' | 'optional' | 'built-in' | 'none'
  readonly compensation?: string
  readonly timeoutMs: number
  readonly rateLimit?: RateConfig
  /** 0 goes first. */
  readonly priority: 0 | 1 | 2
  readonly batch?: { readonly size: number; readonly maxWaitMs: number }
  /** In the order in which they are tried: its own, then those of the integration that can happen to it. */
  readonly failureModes: readonly FailureModeConfig[]
  /** Whether the file names it. */
  readonly declared: boolean
  readonly settings: Readonly<Record<string, JsonValue>>
}

export interface RateConfig {
  readonly limit: number
  readonly windowMs: number
}

export interface FailureModeConfig {
  readonly name: string
  /** One of them has to fit. */
  readonly when: readonly FailureCondition[]
  readonly then: FailureAction
  /** What the caller is told; the first language is the default. */
  readonly tell?: readonly { readonly language: string; readonly text: string }[]
  /** Of the answer to the caller; filled in with the default of the action, undefined where the answer is another one's. */
  readonly status?: number
  /** For `queue` and `back_off_and_queue`; always known. */
  readonly queue?: string
  readonly delayMs?: number
  /** For `fallback`. */
  readonly to?: string
  /** For `use_default_template`. */
  readonly template?: string
  /** Channel of `alerts`; undefined for the log. */
  readonly alert?: string
}

export type FailureAction =
  | 'queue'
  | 'back_off_and_queue'
  | 'idempotent_retry'
  | 'log_and_alert'
  | 'fallback'
  | 'skip'
  | 'notify'
  | 'use_default_template'
  | 'use_local_session'
  | 'manual_review'

/** All that is said has to be so. */
export interface FailureCondition {
  readonly kind?: string
  /** Both included. */
  readonly status?: readonly { readonly from: number; readonly to: number }[]
  readonly code?: string
}

export interface FlowConfig {
  readonly name: string
  readonly origin: string
  readonly description?: string
  /** JSON Schema, plain data. */
  readonly input?: unknown
  readonly deadlineMs: number
  readonly waitMs: number
  readonly keepMs: number
  readonly steps: readonly FlowStepConfig[]
  readonly output?: JsonTemplate
  readonly tell?: readonly { readonly language: string; readonly text: string }[]
  readonly alert?: string
}

export interface FlowStepConfig {
  readonly name: string
  readonly call: FlowCall
  /** CEL expression. */
  readonly when?: string
  readonly timeoutMs: number
  readonly retry: { readonly maxAttempts: number; readonly baseDelayMs: number; readonly maxDelayMs: number }
  readonly onFailure: 'compensate' | 'continue'
  /** `undo`: the compensation that the operation declares. */
  readonly compensation:
    | { readonly type: 'none' }
    | { readonly type: 'manual_review' }
    | { readonly type: 'undo'; readonly operation: string }
    | { readonly type: 'call'; readonly call: FlowCall }
}

export type FlowCall =
  | {
      readonly type: 'service'
      readonly service: string
      readonly method: string
      /** Template. */
      readonly path: string
      /** Name in lower case, template. */
      readonly headers: readonly HeaderPair[]
      readonly body?: JsonTemplate
    }
  | { readonly type: 'operation'; readonly integration: string; readonly operation: string; readonly input: JsonTemplate }

export type AlertConfig = { readonly name: string; readonly deduplicateMs: number } & (
  | { readonly type: 'log' }
  /** URL and values of headers may be, or hold, references to secrets. Never print them. */
  | { readonly type: 'webhook'; readonly url: string; readonly headers: readonly HeaderPair[]; readonly timeoutMs: number }
  | { readonly type: 'email'; readonly integration: string; readonly from: string; readonly to: readonly string[] }
  | { readonly type: 'queue'; readonly queue: string }
)

export type StateStoreConfig = JobStoreConfig | PostgresqlStoreConfig

export interface PostgresqlStoreConfig {
  readonly type: 'postgresql'
  /** Never print it. */
  readonly url: string
  readonly password?: string
  readonly tablePrefix: string
  readonly maxConnections: number
  readonly connectTimeoutMs: number
  readonly queryTimeoutMs: number
  readonly tls?: UpstreamTlsConfig
}

export interface SecretsConfig {
  /** Absolute path of the folder. */
  readonly root: string
  /** Those of `secrets`. */
  readonly secrets: readonly { readonly name: string; readonly path: string; readonly rotationMs: number }[]
}
