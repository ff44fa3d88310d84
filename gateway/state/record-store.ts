/**
 * Where everything that must outlive a process is kept: intents, flows, webhooks and alerts that were seen.
 *
 * One contract, three implementations: SQLite, Redis, PostgreSQL. A record changes only by compare-and-set on its version, so that of
 * several processes exactly one gets its way. Writes are on disk (or where the server keeps them) before they resolve.
 */
export interface RecordStore {
  /**
   * @throws {GatewayError} STATE_UNAVAILABLE, as all others, within the time limit of the store. Of a change it says that whether it was made is
   * not known where `sent` is true: the version tells later.
   */
  get(kind: string, id: string): Promise<StoredRecord | undefined>
  /**
   * Writes where `expectedVersion` is that of the record; 0: where there is none (an expired one counts as none).
   * @returns The new version, or undefined when somebody else was first.
   * @throws {RangeError} The record is larger than it may be.
   */
  put(record: NewRecord, expectedVersion: number): Promise<number | undefined>
  /** @returns False when its version is another one, or it does not exist. */
  remove(kind: string, id: string, expectedVersion: number): Promise<boolean>
  /** Those whose `dueAtMs` has come, the oldest first. Changes nothing: who wants to act on one takes it by `put` with a later `dueAtMs`. */
  due(kind: string, nowMs: number, limit: number): Promise<readonly StoredRecord[]>
  /**
   * Newest first by `createdAtMs`, those after `cursor`; `state` and `group` narrow. For people, not for work. A page of large records ends
   * before `limit`: `cursor` alone says whether there is more.
   */
  list(kind: string, query: ListQuery): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor: string | undefined }>
  /** How many there are in each state; states without any are left out. */
  counts(kind: string): Promise<Readonly<Record<string, number>>>
  close(): Promise<void>
}

export interface NewRecord {
  /** `intent`, `flow`, `webhook`, `alert`. */
  readonly kind: string
  /** Unique within its kind; at most 512 characters. */
  readonly id: string
  /** What the record belongs to: the operation, the flow. At most 200 characters. */
  readonly group: string
  /** At most 40 characters. */
  readonly state: string
  /** When somebody has to look at it; `Infinity` for never. Whole milliseconds since the epoch, as all times. */
  readonly dueAtMs: number
  /** When it may be forgotten; `Infinity` for never. Expired ones are not found any more and are removed in time. */
  readonly expiresAtMs: number
  /** Kept from the first version on. */
  readonly createdAtMs: number
  /** JSON text; at most `maxRecordBytes`. */
  readonly value: string
}

export interface StoredRecord extends NewRecord {
  /** From 1 on. */
  readonly version: number
}

export interface ListQuery {
  readonly group?: string
  readonly state?: string
  readonly cursor?: string
  /** At most 1000. */
  readonly limit: number
}

export const maxRecordBytes = 1024 * 1024
