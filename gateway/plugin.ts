/**
 * The public contract for provider adapters: all that an adapter imports of the gateway. `docs/plugins.md` walks through writing one.
 *
 * An adapter is one object that declares a provider: its settings, its operations, how its errors are read. The gateway does the rest:
 * time limits, retries, circuit breaker, rate limits, idempotency, failure modes, metrics.
 */

/** Version of this contract; an adapter that declares another one is refused at load time. */
export const interfaceVersion = 1

/** JSON Schema, draft-07; checked with Ajv in strict mode. `writeOnly: true` marks a secret. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** A value as JSON knows it; adapters read it after it was validated against their schema. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type AuthType = 'none' | 'bearer' | 'api_key' | 'basic' | 'oauth2' | 'aws'

export interface Adapter {
  readonly interface: typeof interfaceVersion
  /** What stands behind `plugin:`, lower case with hyphens: `stripe`, `acme-sms`. */
  readonly type: string
  /** What it is for: `payments`, `email`, `auth`, or a word of your own. Adapters of one capability can stand in for each other. */
  readonly capability: string
  /** One sentence for listings. */
  readonly summary: string
  /**
   * Used where the integration names no `base_url`; where there is none, `base_url` is required. False: it does not speak HTTP, so that
   * `base_url` is an error and its settings say where the provider is.
   */
  readonly baseUrl?: string | false
  /** Kinds of `auth` that it takes; the first one is what `plugins show` proposes. The gateway applies all but `aws`. */
  readonly auth: readonly AuthType[]
  /** For `auth: oauth2` where the integration names no `token_url`: a path under `base_url`, or a whole URL. */
  readonly tokenUrl?: string
  /** Of `settings` in the integration: an object schema with `additionalProperties: false` and a description for every key. */
  readonly settings: JsonSchema
  readonly operations: Readonly<Record<string, OperationDefinition>>
  /** For adapters whose operations are declared in the configuration: of `settings` in each operation, and what they make of it. */
  readonly declared?: {
    readonly settings: JsonSchema
    /**
     * @param template Compiles templates, as that of the context.
     * @throws Error with a sentence for the author of the configuration.
     */
    define(name: string, settings: Readonly<Record<string, Json>>, template: AdapterContext['template']): OperationDefinition
  }
  readonly webhook?: WebhookDefinition
  /** Called once for each integration of this type and each time its settings change; must not call the provider. */
  create(context: AdapterContext): AdapterInstance | Promise<AdapterInstance>
}

export interface OperationDefinition {
  readonly summary: string
  readonly input: JsonSchema
  /** Of what `run` returns; an answer that does not fit is an `invalid_response`. */
  readonly output: JsonSchema
  /**
   * - `key`: the provider takes an idempotency key; repeating with the same key has one effect.
   * - `inherent`: repeating has no further effect, whatever the key (reads, captures, deletions).
   * - `none`: each repetition has its effect; never repeated once it may have been sent.
   */
  readonly idempotency: 'key' | 'inherent' | 'none'
  /** How long the provider remembers a key, in milliseconds; nothing is repeated afterwards. `Infinity` where it never forgets. Default 24 h. */
  readonly keyTtlMs?: number
  /** Whether doing it twice does harm (a payment) or is a nuisance (an email): after an unknown outcome only the latter may move to a fallback. */
  readonly duplicates: 'harmful' | 'tolerable'
  /** Kinds of failure that it can raise beside `commonKinds`. */
  readonly kinds?: readonly FailureKind[]
  /** Operations of the same adapter that undo it, and how their input is made from what was done. Runs in reverse order of a flow. */
  readonly undo?: Readonly<Record<string, (done: { readonly input: Json; readonly output: Json }) => Json>>
  /** Calls that may share one call of `runBatch`; absent where it has none. */
  readonly maxBatch?: number
  /** Whether it can answer without the provider (`local`), for `then: use_local_session`. */
  readonly local?: boolean
  /**
   * Input or output are credentials: calls from a route are not stored, neither while they run nor for replays, and no key of their caller
   * is taken. Only for operations that may be asked again from the start.
   */
  readonly ephemeral?: boolean
  /** Field of the input that names the template, for `then: use_default_template`: its value is replaced. */
  readonly templateField?: string
}

export interface WebhookDefinition {
  readonly summary: string
  /** Events that it can publish, with the schema of their data. */
  readonly events: Readonly<Record<string, { readonly summary: string; readonly data: JsonSchema }>>
}

/** What the gateway hands to an adapter. */
export interface AdapterContext {
  /** Name of the integration. */
  readonly name: string
  /** Valid, defaults filled in; secrets are left out. */
  readonly settings: Readonly<Record<string, Json>>
  /** Kind of `auth` and those of its values that are no secrets. */
  readonly auth: { readonly type: AuthType } & Readonly<Record<string, Json>>
  /** Settings of each declared operation. */
  readonly operations: Readonly<Record<string, Readonly<Record<string, Json>>>>
  /** Empty for an adapter that does not speak HTTP. */
  readonly baseUrl: string
  /**
   * A secret as it is at this moment: `secret('settings.webhook_secret')`, `secret('auth.secret_access_key')`. Read it each time it is
   * needed: it changes when it is rotated.
   * @returns Undefined when the configuration does not give it.
   */
  secret(path: string): string | undefined
  /** Calls to `base_url`: pooled connections, `auth` applied, bounded answers. */
  readonly http: ProviderHttp
  readonly log: AdapterLog
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Compiles a template: strings in it may hold CEL expressions in double braces.
   * @param variables Names that expressions may use.
   * @throws Error that says where the template is wrong.
   */
  template(source: Json, variables: readonly string[]): (values: Readonly<Record<string, unknown>>) => Json
}

export interface AdapterLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface AdapterInstance {
  readonly operations: Readonly<Record<string, OperationHandlers>>
  /** Resolves when the provider can be used. A cheap call without effect. @throws {ProviderFailure} */
  probe?(call: { readonly signal: AbortSignal }): Promise<void>
  /**
   * Checks that a webhook comes from the provider and is not old, and reads its events; an event that nobody knows is left out.
   * @throws {WebhookRejected}
   */
  webhook?(request: WebhookRequest, call: { readonly signal: AbortSignal }): Promise<readonly WebhookEvent[]>
  /** Gives up what `create` opened; calls have ended. */
  close?(): void | Promise<void>
}

export interface OperationHandlers {
  /** One attempt. Must end soon after `signal` aborts. @returns The output. @throws {ProviderFailure} */
  run(call: OperationCall): Promise<Json>
  /** Several calls as one; an answer for each, in their order. @throws {ProviderFailure} when all failed alike. */
  runBatch?(calls: readonly OperationCall[], signal: AbortSignal): Promise<readonly (Json | ProviderFailure)[]>
  /** Asks the provider what became of an earlier attempt of this intent. Has no effect. @throws {ProviderFailure} when it cannot tell now. */
  lookup?(call: OperationCall): Promise<Lookup>
  /** Answers without the provider, for `then: use_local_session`; undefined where it cannot. */
  local?(call: OperationCall): Json | undefined
}

export interface OperationCall {
  /** Valid against the input schema. */
  readonly input: Json
  /** Names the intent towards the provider: the same for each repetition, another one for each intent. At most 255 visible ASCII characters. */
  readonly key: string
  /** Counted from 1 over the life of the intent. */
  readonly attempt: number
  /** Milliseconds since the epoch of the first attempt. */
  readonly firstAttemptAtMs: number
  readonly signal: AbortSignal
}

/** `absent`: the provider knows nothing of it, so that nothing has happened. `unknown`: it cannot tell. */
export type Lookup =
  | { readonly found: 'done'; readonly output: Json }
  | { readonly found: 'absent' }
  | { readonly found: 'unknown' }
  | { readonly found: 'failed'; readonly failure: ProviderFailure }

export interface ProviderHttp {
  /**
   * Sends one request and reads the whole answer; redirects are not followed. Any status is an answer.
   * @throws {ProviderFailure} `network_error`, `timeout`, or `invalid_response` (too large, not HTTP); `executed` says what may have happened.
   */
  request(request: ProviderRequest): Promise<ProviderAnswer>
}

export interface ProviderRequest {
  readonly method: string
  /** Under `base_url`, begins with a slash; or a whole URL of the same origin. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** Objects are sent as JSON unless `form` is set. */
  readonly json?: Json
  /** Sent as `application/x-www-form-urlencoded`. */
  readonly form?: URLSearchParams
  readonly body?: string | Uint8Array
  /** False: `auth` is not applied. Default true. */
  readonly authorize?: boolean
  readonly signal: AbortSignal
}

export interface ProviderAnswer {
  readonly status: number
  /** Names in lower case; several of one name are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The body as JSON. @throws {ProviderFailure} `invalid_response` */
  json(): Json
}

export interface WebhookRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Exactly as it came. */
  readonly body: Buffer
}

export interface WebhookEvent {
  /** The provider's own id: an event that comes twice is published once. */
  readonly id: string
  /** Name in `webhook.events`. */
  readonly type: string
  /** When it happened, milliseconds since the epoch. */
  readonly atMs: number
  /** Fits the schema of its type. */
  readonly data: Json
  /** What it is about, for `ce-subject`: the id of a payment, an address. */
  readonly subject?: string
}

/** Why an operation failed: the words of `when:`. Closed; `docs/failure-modes.md` has a section for each. */
export const failureKinds = {
  network_error: 'No connection, or it broke before the answer was complete',
  timeout: 'No answer within the time limit',
  service_down: 'The provider says that it is not available (503)',
  provider_error: 'The provider failed (5xx)',
  rate_limited: 'Too many calls, by the provider (429) or by `rate_limit`',
  in_progress: 'The provider is still busy with this idempotency key (409)',
  key_conflict: 'The idempotency key was used for another intent',
  rejected: 'The provider understood and refused: a declined card, a closed account',
  invalid_request: 'The provider does not accept the input (400, 422)',
  unauthorized: 'The provider does not accept our credentials (401, 403)',
  not_found: 'The provider does not know what the input names (404)',
  invalid_response: 'The answer is not what the provider promises',
  invalid_email: 'The address of a recipient is not valid',
  blocked_domain: 'The provider does not deliver to this recipient or domain',
  template_error: 'The template does not exist or cannot be filled',
  circuit_open: 'The circuit breaker is open: nothing was sent',
  overloaded: 'Too many calls of this integration are under way: nothing was sent',
  internal: 'The adapter itself failed',
} as const

export type FailureKind = keyof typeof failureKinds

/** What every operation can raise. */
export const commonKinds = [
  'network_error',
  'timeout',
  'service_down',
  'provider_error',
  'rate_limited',
  'in_progress',
  'key_conflict',
  'rejected',
  'invalid_request',
  'unauthorized',
  'not_found',
  'invalid_response',
  'circuit_open',
  'overloaded',
  'internal',
] as const satisfies readonly FailureKind[]

/** Whether the effect has happened: `no` allows a fallback and another key, `unknown` demands the same key. */
export type Executed = 'no' | 'yes' | 'unknown'

export interface FailureDetails {
  readonly executed: Executed
  /** HTTP status of the provider. */
  readonly status?: number
  /** The provider's own word for it, for logs and `when: { code: ... }`. */
  readonly code?: string
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** How an operation fails. The message is for operators: no secrets, no personal data. */
export class ProviderFailure extends Error {
  readonly kind: FailureKind
  readonly executed: Executed
  readonly status: number | undefined
  readonly code: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(kind: FailureKind, message: string, details: FailureDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = 'ProviderFailure'
    this.kind = kind
    this.executed = details.executed
    this.status = details.status
    this.code = details.code
    this.retryAfterMs = details.retryAfterMs
  }
}

/** A webhook that is forged, altered or too old. The message is for logs. */
export class WebhookRejected extends Error {
  override readonly name = 'WebhookRejected'
}

/**
 * The kind of an HTTP status where the provider's own code says nothing better, and whether the effect may have happened.
 * 408 and 409 may hide an effect, other 4xx and 503 do not, all other 5xx may.
 */
export function failureOfStatus(status: number): { readonly kind: FailureKind; readonly executed: Executed } {
  if (status === 503) return { kind: 'service_down', executed: 'no' }
  if (status >= 500) return { kind: 'provider_error', executed: 'unknown' }
  if (status === 429) return { kind: 'rate_limited', executed: 'no' }
  if (status === 409) return { kind: 'in_progress', executed: 'unknown' }
  if (status === 408) return { kind: 'timeout', executed: 'unknown' }
  if (status === 404) return { kind: 'not_found', executed: 'no' }
  if (status === 401 || status === 403) return { kind: 'unauthorized', executed: 'no' }
  if (status === 400 || status === 422) return { kind: 'invalid_request', executed: 'no' }
  if (status >= 400) return { kind: 'rejected', executed: 'no' }
  return { kind: 'invalid_response', executed: 'unknown' }
}

/** Milliseconds of `Retry-After` (RFC 9110, 10.2.3: seconds or a date); undefined where there is none that can be read. */
export function retryAfterOf(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const text = headers['retry-after']?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const dateMs = Date.parse(text)
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs)
}
