import type { AlertConfig, FlowConfig, IntegrationConfig, PluginSource, SecretsConfig, StateStoreConfig } from './model/integrations.ts'
import type { BrokerConfig, ConsumerConfig, EventConfig, MessagingConfig, QueueConfig } from './model/messaging.ts'
import type { RouteConfig } from './model/routes.ts'
import type { Address, ServiceConfig } from './model/services.ts'

export type * from './model/integrations.ts'
export type * from './model/messaging.ts'
export type * from './model/routes.ts'
export type * from './model/services.ts'

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
