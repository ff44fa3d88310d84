import type { StoreFailure } from './store-error.ts'

/** How the two sides of a thread talk: one message per batch in each direction. */
export interface ThreadData {
  readonly program: string
  readonly path: string
  readonly data: unknown
  readonly busyMs: number
  readonly maxCallsPerTransaction: number
}

export interface Call {
  readonly id: number
  readonly operation: string
  readonly request: unknown
}

export type ToThread = { readonly type: 'calls'; readonly calls: readonly Call[] } | { readonly type: 'close' }

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: StoreFailure }

export type FromThread =
  | { readonly type: 'open' }
  | { readonly type: 'batch'; readonly answers: readonly Answer[]; readonly events: readonly unknown[] }
  /** Work that nobody called for could not be stored; tried again by the next tick. */
  | { readonly type: 'failure'; readonly failure: StoreFailure }
  /** The thread ends. */
  | { readonly type: 'unusable'; readonly failure: StoreFailure }
