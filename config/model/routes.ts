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
