import { maxRecordBytes } from './record-store.ts'
import type { ListQuery, NewRecord, StoredRecord } from './record-store.ts'

/** Stands for `Infinity` in stores that only know whole numbers; exact in those that count in floating point. */
export const never = Number.MAX_SAFE_INTEGER

const maxIdLength = 512
const maxGroupLength = 200
const maxStateLength = 40
const kindPattern = /^[a-z_]{1,32}$/

/** A page holds no more than this, and the record that goes beyond it. */
const maxPageBytes = 16 * 1024 * 1024

/** How many records a page is put together from at a time. */
const chunkLength = 25

/** @throws {RangeError} The record is larger than it may be, or has a time that is none. */
export function checkRecord({ kind, id, group, state, value, ...times }: NewRecord): void {
  if (!kindPattern.test(kind)) throw new RangeError(`${kind} is no kind of record`)
  if (id === '' || id.length > maxIdLength) throw new RangeError(`the id of a record has 1 to ${maxIdLength} characters`)
  if (group.length > maxGroupLength) throw new RangeError(`the group of a record has at most ${maxGroupLength} characters`)
  if (state.length > maxStateLength) throw new RangeError(`the state of a record has at most ${maxStateLength} characters`)
  if (Buffer.byteLength(value) > maxRecordBytes) throw new RangeError(`a record has at most ${maxRecordBytes} bytes`)
  for (const ms of [times.dueAtMs, times.expiresAtMs, times.createdAtMs]) if (!(ms >= 0)) throw new RangeError(`${ms} is no time`)
}

export const storedMs = (ms: number): number => Math.min(Math.max(0, Math.floor(ms)), never)

/** @param stored As a store gives it: a number, or the text of one. */
export function msOf(stored: unknown): number {
  const ms = Number(stored)
  return ms >= never ? Infinity : ms
}

/**
 * Ids come from the outside, and not every store takes every text: PostgreSQL and SQLite end one at NUL, UTF-8 has no halves of surrogate
 * pairs. The backslash begins what stands for them; at most five bytes for each.
 */
export function storedText(text: string): string {
  if (text.isWellFormed() && !text.includes('\\') && !text.includes('\0')) return text
  const parts = Array.from(text, (character) => {
    if (character === '\\') return '\\\\'
    if (character === '\0') return '\\0'
    return character.isWellFormed() ? character : `\\${character.charCodeAt(0).toString(16)}`
  })
  return parts.join('')
}

export function textOf(stored: string): string {
  if (!stored.includes('\\')) return stored
  return stored.replaceAll(/\\(\\|0|d[0-9a-f]{3})/g, (_escape, which: string) => {
    if (which === '\\') return '\\'
    return which === '0' ? '\0' : String.fromCharCode(Number.parseInt(which, 16))
  })
}

/** A record from a row of a table, whose columns have the same names in each database. */
export const recordOf = (row: Readonly<Record<string, unknown>>): StoredRecord => ({
  kind: String(row['kind']),
  id: textOf(String(row['id'])),
  group: textOf(String(row['grp'])),
  state: textOf(String(row['state'])),
  dueAtMs: msOf(row['due_at_ms']),
  expiresAtMs: msOf(row['expires_at_ms']),
  createdAtMs: storedMs(Number(row['created_at_ms'])),
  version: Number(row['version']),
  value: String(row['value']),
})

/** Where a page ended: the place of its last record in the order of the list. */
export interface Place {
  readonly createdAtMs: number
  /** As it is stored. */
  readonly id: string
}

/** Before all records. */
export const listStart: Place = { createdAtMs: never, id: '\u{10FFFF}' }

interface Chunk {
  readonly records: readonly StoredRecord[]
  /** Where to go on; undefined when there is no more. */
  readonly after: Place | undefined
}

/** Puts a page together from small chunks, so that the memory it takes does not grow with the size of the records. */
export async function page(
  { cursor, limit }: ListQuery,
  chunk: (after: Place, length: number) => Promise<Chunk>,
): Promise<{ readonly records: readonly StoredRecord[]; readonly cursor: string | undefined }> {
  const records: StoredRecord[] = []
  let bytes = 0
  let after: Place | undefined = placeOf(cursor)
  while (after !== undefined && records.length < limit && bytes < maxPageBytes) {
    const next: Chunk = await chunk(after, Math.min(chunkLength, limit - records.length))
    after = next.after
    for (const record of next.records) {
      records.push(record)
      bytes += Buffer.byteLength(record.value)
    }
  }
  return { records, cursor: after === undefined ? undefined : cursorOf(after) }
}

const cursorOf = ({ createdAtMs, id }: Place): string => Buffer.from(`${createdAtMs} ${id}`).toString('base64url')

/** What no page has ended with begins at the start. */
function placeOf(cursor: string | undefined): Place {
  const [, createdAtMs, id] = /^(\d{1,16}) (.+)$/s.exec(Buffer.from(cursor ?? '', 'base64url').toString()) ?? []
  return createdAtMs === undefined || id === undefined ? listStart : { createdAtMs: Number(createdAtMs), id }
}
