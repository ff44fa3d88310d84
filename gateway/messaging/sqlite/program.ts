import type { DatabaseSync } from 'node:sqlite'

/** What a program can be asked, as `interface Operations { readonly name: { readonly request: R; readonly answer: A } }`. */
export type OperationsOf<Operations> = { readonly [Name in keyof Operations]: { readonly request: unknown; readonly answer: unknown } }

/**
 * What runs in the thread beside the database: synchronous functions, each within a transaction that it may share with others.
 * A module of a program exports `open`, a `ProgramOpener`.
 */
export interface SqliteProgram<Operations extends OperationsOf<Operations>> {
  /** One that throws is undone alone; its caller gets a `StoreError` of kind `operation` with the message. */
  readonly operations: { readonly [Name in keyof Operations]: (request: Operations[Name]['request']) => Operations[Name]['answer'] }
  /** Those that never write: a batch of only these takes no write lock, so it works on a full or busy disk. */
  readonly readOnly?: readonly (keyof Operations)[]
  /** Called at the end of each writing transaction, inside it. */
  beforeCommit?(): void
  /** The writing transaction is on the disk. */
  committed?(): void
  /**
   * Something was undone: what the program keeps in memory may be ahead of the file. `database.isTransaction` tells one operation
   * (true, the transaction goes on) from the whole transaction (false).
   */
  rolledBack?(): void
  /**
   * Called outside of transactions, first after the start, then when the last answer or `again` says so. Must be cheap: a look at the clock or at
   * `PRAGMA data_version`. Whatever it wants to write it returns as `write`.
   */
  tick?(): Tick
  /** Before the database is closed, outside of transactions. */
  close?(): void
}

export interface Tick {
  /** Milliseconds until the next call; `Infinity` for none. */
  readonly againMs: number
  /** Runs at once, in a transaction. When it throws, that is undone and `onFailure` is told. */
  readonly write?: () => void
}

/**
 * @param data As given to `sqliteThread`, cloned.
 * @param emit Hands an event to `onEvent`; from within a transaction it goes out after the commit, or never.
 * @param again Brings the next `tick` forward to so many milliseconds from now.
 * @throws Whatever makes the file unusable: the thread ends with it.
 */
export type ProgramOpener<Operations extends OperationsOf<Operations>, Data = undefined, Event = never> = (
  database: DatabaseSync,
  data: Data,
  emit: (event: Event, transfer?: readonly ArrayBuffer[]) => void,
  again: (inMs: number) => void,
) => SqliteProgram<Operations>
