import { extname } from 'node:path'
import type { BrokerLog } from '../messaging/broker.ts'
import { storeThread } from '../messaging/jobs/store-thread.ts'
import type { RecordOperations, RecordProgramData } from './record-program.ts'
import type { RecordStore } from './record-store.ts'
import { checkRecord, page, storedMs, storedText } from './record-values.ts'
import { stateRole } from './state-role.ts'

export interface SqliteRecordStoreOptions {
  /** The file, absolute; made where it is missing. Several processes of one machine may use it, and other stores in it. */
  readonly path: string
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** How often expired records are looked for, in milliseconds. Default 30,000. */
  readonly cleanEveryMs?: number
  /** The file grows no further; nothing new is stored until records expire. Default 16 GiB. */
  readonly maxBytes?: number
}

const writes: ReadonlySet<keyof RecordOperations> = new Set<keyof RecordOperations>(['put', 'remove', 'clean'])

const defaultMaxBytes = 16 * 1024 ** 3

/** Records in an SQLite file: what was put is on the disk. Nothing is touched before the first call. */
export function sqliteRecordStore({ path, log, now, cleanEveryMs = 30_000, maxBytes = defaultMaxBytes }: SqliteRecordStoreOptions): RecordStore {
  const store = storeThread<RecordOperations>({
    program: new URL(`./record-program${extname(import.meta.url)}`, import.meta.url),
    path,
    data: { maxBytes } satisfies RecordProgramData,
    writes,
    role: stateRole,
    log,
    now,
  })
  let used = false
  const call: typeof store.call = (name, request) => {
    used = true
    return store.call(name, request)
  }

  const clean = async (): Promise<void> => {
    while (used && !store.closed && (await store.call('stale', { nowMs: now() }))) await store.call('clean', { nowMs: now() })
  }
  // Failures are logged where they arise, and the next round tries again.
  const cleaning = setInterval(() => void clean().catch(() => undefined), cleanEveryMs).unref()

  return {
    get: (kind, id) => call('get', { kind, id: storedText(id), nowMs: now() }),
    put: async (record, expected) => {
      checkRecord(record)
      const { kind, id, group, state, dueAtMs, expiresAtMs, createdAtMs, value } = record
      const times = { dueAtMs: storedMs(dueAtMs), expiresAtMs: storedMs(expiresAtMs), createdAtMs: storedMs(createdAtMs) }
      const row = { kind, id: storedText(id), group: storedText(group), state: storedText(state), ...times, value }
      return call('put', { row, expected, nowMs: now() })
    },
    remove: (kind, id, expected) => call('remove', { kind, id: storedText(id), expected, nowMs: now() }),
    due: (kind, dueMs, limit) => call('due', { kind, dueMs: storedMs(dueMs), limit, nowMs: now() }),
    list: (kind, query) => {
      const [group, state] = [query.group, query.state].map((text) => (text === undefined ? undefined : storedText(text)))
      return page(query, async (after, length) => {
        const records = await call('list', { kind, group, state, after, length, nowMs: now() })
        const last = records.length < length ? undefined : records.at(-1)
        return { records, after: last && { createdAtMs: storedMs(last.createdAtMs), id: storedText(last.id) } }
      })
    },
    counts: (kind) => call('counts', { kind, nowMs: now() }),
    close: async () => {
      clearInterval(cleaning)
      await store.close()
    },
  }
}
