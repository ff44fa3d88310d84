/**
 * - `full`: no space on the disk, or the file has reached its limit.
 * - `read_only`: file or folder must not be written.
 * - `busy`: another process held the write lock for longer than `busyMs`.
 * - `io`: reading, writing or flushing failed, or the file could not be opened.
 * - `corrupt`: not a database, or a damaged one.
 * - `operation`: the operation itself refused or failed; only its own changes were undone.
 * - `ended`: the thread was closed or has died; whether the call took effect is unknown.
 */
export type StoreErrorKind = 'full' | 'read_only' | 'busy' | 'io' | 'corrupt' | 'operation' | 'ended'

/** As it crosses threads. */
export interface StoreFailure {
  readonly kind: StoreErrorKind
  readonly message: string
}

/** Why a call to a store did not succeed; except for `ended` nothing of it was stored. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind

  constructor(failure: StoreFailure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause })
    this.name = 'StoreError'
    this.kind = failure.kind
  }
}

// Primary result codes, https://www.sqlite.org/rescode.html
const kindOfCode = new Map<number, { readonly kind: StoreErrorKind; readonly text: string }>([
  [3, { kind: 'read_only', text: 'the database file must not be accessed' }],
  [5, { kind: 'busy', text: 'the database file is locked by another process' }],
  [6, { kind: 'busy', text: 'the database file is locked' }],
  [7, { kind: 'io', text: 'SQLite got no memory' }],
  [8, { kind: 'read_only', text: 'the database file must not be written' }],
  [10, { kind: 'io', text: 'the disk failed to read or write the database file' }],
  [11, { kind: 'corrupt', text: 'the database file is damaged' }],
  [13, { kind: 'full', text: 'no space is left for the database file' }],
  [14, { kind: 'io', text: 'the database file cannot be opened' }],
  [15, { kind: 'busy', text: 'the database file is locked by another process' }],
  [26, { kind: 'corrupt', text: 'the file is not an SQLite database' }],
])

const kindOfSystemCode = new Map<string, StoreErrorKind>([
  ['EACCES', 'read_only'],
  ['EPERM', 'read_only'],
  ['EROFS', 'read_only'],
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
])

/** The extended result code that node:sqlite attaches to its errors; 0 for any other error. */
export const sqliteCode = (error: unknown): number =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0

/** Whether another process is in the way. */
export const isBusy = (error: unknown): boolean => kindOfCode.get(sqliteCode(error) & 0xff)?.kind === 'busy'

/** @param otherwise Kind of an error that neither SQLite nor the file system explains. */
export function failureOf(error: unknown, otherwise: StoreErrorKind = 'operation'): StoreFailure {
  if (error instanceof StoreError) return { kind: error.kind, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  const known = kindOfCode.get(sqliteCode(error) & 0xff)
  if (known !== undefined) return { kind: known.kind, message: `${known.text} (${message})` }
  if (error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string') {
    return { kind: kindOfSystemCode.get(error.code) ?? 'io', message }
  }
  return { kind: otherwise, message }
}
