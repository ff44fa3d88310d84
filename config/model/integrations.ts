import type { DeliveryBackoff, JobStoreConfig } from './messaging.ts'
import type { CircuitBreakerConfig, HeaderPair, JsonTemplate, JsonValue } from './routes.ts'
import type { UpstreamTlsConfig } from './services.ts'

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
