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
