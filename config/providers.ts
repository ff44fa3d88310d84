import type { AdapterCatalogue, AdapterDescription, OperationDescription } from './adapters.ts'

/** What is known of an integration whose adapter is known. */
export interface Provider {
  readonly adapter: AdapterDescription
  /** Everything that can be called; undefined for operations that are declared in a way that cannot be used, which was reported. */
  readonly operations: ReadonlyMap<string, OperationDescription | undefined>
}

/** By name of the integration. */
export type Providers = ReadonlyMap<string, Provider>

/** Of a gateway that was given no adapters. */
export const noAdapters: AdapterCatalogue = { adapters: new Map(), commonKinds: [], kinds: [] }
