import type { JsonValue, PluginSource } from './model.ts'

/** What the checks need to know of an adapter; `Adapter` of the plugin contract is one. */
export interface AdapterDescription {
  readonly type: string
  readonly capability: string
  /** False: `base_url` is not for it. */
  readonly baseUrl?: string | false
  readonly auth: readonly string[]
  /** For `auth: oauth2` without `token_url`. */
  readonly tokenUrl?: string
  /** JSON Schema of `settings`. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly operations: Readonly<Record<string, OperationDescription>>
  readonly declared?: {
    readonly settings: Readonly<Record<string, unknown>>
    /** @throws Error with a sentence for the author of the configuration. */
    define(name: string, settings: never, template: CompileTemplate): OperationDescription
  }
  readonly webhook?: { readonly events: Readonly<Record<string, unknown>> }
}

/** `compileTemplate`, handed to adapters. */
export type CompileTemplate = (source: JsonValue, variables: readonly string[]) => (values: Readonly<Record<string, unknown>>) => JsonValue

export interface OperationDescription {
  readonly idempotency: 'key' | 'inherent' | 'none'
  readonly duplicates: 'harmful' | 'tolerable'
  /** Beside those that every operation can raise. */
  readonly kinds?: readonly string[]
  readonly undo?: Readonly<Record<string, unknown>>
  readonly maxBatch?: number
  readonly local?: boolean
  readonly templateField?: string
}

/** The adapters that a configuration may name. */
export interface AdapterCatalogue {
  /** By type. */
  readonly adapters: ReadonlyMap<string, AdapterDescription>
  /** What every operation can raise. */
  readonly commonKinds: readonly string[]
  /** All words that `when` may use. */
  readonly kinds: readonly string[]
}

/**
 * Loads what `plugins:` names, and the built-in ones that are named in `types`; all built-in ones where one of `types` is not known.
 * A module that cannot be used becomes a problem, never an exception.
 */
export type LoadAdapters = (
  sources: readonly PluginSource[],
  types: readonly string[],
) => Promise<{
  readonly catalogue: AdapterCatalogue
  readonly problems: readonly { readonly source: PluginSource; readonly message: string; readonly hint?: string }[]
}>
