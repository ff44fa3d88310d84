import type { ProgramOpener } from '../messaging/sqlite/program.ts'
import type { NewRecord, StoredRecord } from './record-store.ts'
import { makeTables } from './record-tables.ts'
import { never, recordOf, textOf } from './record-values.ts'
import type { Place } from './record-values.ts'

/** A record whose texts and times are as the file has them. */
export type RecordRow = NewRecord

interface Named {
  readonly kind: string
  readonly id: string
}

/** Runs in the thread of the store. Texts are as they are stored; `nowMs` is the time of the caller. */
export interface RecordOperations {
  readonly get: { readonly request: Named & { readonly nowMs: number }; readonly answer: StoredRecord | undefined }
  readonly put: {
    readonly request: { readonly row: RecordRow; readonly expected: number; readonly nowMs: number }
    readonly answer: number | undefined
  }
  readonly remove: { readonly request: Named & { readonly expected: number; readonly nowMs: number }; readonly answer: boolean }
  readonly due: {
    readonly request: { readonly kind: string; readonly dueMs: number; readonly limit: number; readonly nowMs: number }
    readonly answer: readonly StoredRecord[]
  }
  readonly list: { readonly request: ListRequest; readonly answer: readonly StoredRecord[] }
  readonly counts: { readonly request: { readonly kind: string; readonly nowMs: number }; readonly answer: Readonly<Record<string, number>> }
  /** Whether there is something for `clean`. */
  readonly stale: { readonly request: { readonly nowMs: number }; readonly answer: boolean }
  /** Removes a bounded number of what has expired. */
  readonly clean: { readonly request: { readonly nowMs: number }; readonly answer: void }
}

export interface ListRequest {
  readonly kind: string
  readonly group: string | undefined
  readonly state: string | undefined
  readonly after: Place
  readonly length: number
  readonly nowMs: number
}

export interface RecordProgramData {
  readonly maxBytes: number
}

const rowsPerCleaning = 500
const pagesPerCleaning = 256

export const open: ProgramOpener<RecordOperations, RecordProgramData> = (database, { maxBytes }) => {
  makeTables(database)
  const { page_size: pageBytes } = database.prepare('PRAGMA page_size').get() ?? {}
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / Number(pageBytes)))}`)

  const select = database.prepare('SELECT * FROM records WHERE kind = ? AND id = ? AND expires_at_ms > ?')
  // What has expired counts as none, whether it is still there or not.
  const insert = database.prepare(
    `INSERT INTO records (kind, id, grp, state, due_at_ms, expires_at_ms, created_at_ms, version, value) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)
     ON CONFLICT (kind, id) DO UPDATE SET grp = excluded.grp, state = excluded.state, due_at_ms = excluded.due_at_ms,
     expires_at_ms = excluded.expires_at_ms, created_at_ms = excluded.created_at_ms, version = 1, value = excluded.value
     WHERE records.expires_at_ms <= ?`,
  )
  const update = database.prepare(
    `UPDATE records SET grp = ?, state = ?, due_at_ms = ?, expires_at_ms = ?, value = ?, version = version + 1
     WHERE kind = ? AND id = ? AND version = ? AND expires_at_ms > ?`,
  )
  const remove = database.prepare('DELETE FROM records WHERE kind = ? AND id = ? AND version = ? AND expires_at_ms > ?')
  const due = database.prepare(
    `SELECT * FROM records WHERE kind = ? AND due_at_ms <= ? AND due_at_ms < ${never} AND expires_at_ms > ? ORDER BY due_at_ms LIMIT ?`,
  )
  const listing = (filter: string): string =>
    `SELECT * FROM records WHERE rowid IN (
       SELECT rowid FROM records WHERE kind = ? AND (created_at_ms, id) < (?, ?) AND expires_at_ms > ? AND (? IS NULL OR grp = ?) ${filter}
       ORDER BY created_at_ms DESC, id DESC LIMIT ?
     ) ORDER BY created_at_ms DESC, id DESC`
  const list = database.prepare(listing(''))
  const listState = database.prepare(listing('AND state = ?'))
  const counts = database.prepare('SELECT state, records FROM record_counts WHERE kind = ? AND records > 0')
  const expired = database.prepare('SELECT state, count(*) AS records FROM records WHERE expires_at_ms <= ? AND kind = ? GROUP BY state')
  const stale = database.prepare('SELECT 1 FROM records WHERE expires_at_ms <= ? LIMIT 1')
  const clean = database.prepare(`DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE expires_at_ms <= ? LIMIT ${rowsPerCleaning})`)

  return {
    readOnly: ['get', 'due', 'list', 'counts', 'stale'],
    operations: {
      get: ({ kind, id, nowMs }) => {
        const row = select.get(kind, id, nowMs)
        return row === undefined ? undefined : recordOf(row)
      },
      put: ({ row, expected, nowMs }) => {
        const { kind, id, group, state, dueAtMs, expiresAtMs, createdAtMs, value } = row
        const { changes } =
          expected === 0
            ? insert.run(kind, id, group, state, dueAtMs, expiresAtMs, createdAtMs, value, nowMs)
            : update.run(group, state, dueAtMs, expiresAtMs, value, kind, id, expected, nowMs)
        return Number(changes) === 0 ? undefined : expected + 1
      },
      remove: ({ kind, id, expected, nowMs }) => Number(remove.run(kind, id, expected, nowMs).changes) > 0,
      due: ({ kind, dueMs, limit, nowMs }) => due.all(kind, dueMs, nowMs, limit).map(recordOf),
      list: ({ kind, group, state, after, length, nowMs }) => {
        const place = [kind, after.createdAtMs, after.id, nowMs, group ?? null, group ?? null] as const
        return (state === undefined ? list.all(...place, length) : listState.all(...place, state, length)).map(recordOf)
      },
      counts: ({ kind, nowMs }) => {
        const found = new Map(counts.all(kind).map((row) => [String(row['state']), Number(row['records'])]))
        for (const row of expired.all(nowMs, kind)) {
          const state = String(row['state'])
          found.set(state, (found.get(state) ?? 0) - Number(row['records']))
        }
        return Object.fromEntries([...found].filter(([, records]) => records > 0).map(([state, records]) => [textOf(state), records]))
      },
      stale: ({ nowMs }) => stale.get(nowMs) !== undefined,
      clean: ({ nowMs }) => {
        clean.run(nowMs)
        database.exec(`PRAGMA incremental_vacuum(${pagesPerCleaning})`)
      },
    },
  }
}
