import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sqliteJobStore } from '../../gateway/messaging/jobs/sqlite-job-store.ts'
import type { NewRecord, RecordStore } from '../../gateway/state/record-store.ts'
import { sqliteRecordStore } from '../../gateway/state/sqlite-record-store.ts'
import type { SqliteRecordStoreOptions } from '../../gateway/state/sqlite-record-store.ts'
import { describeRecordStore } from '../contracts/record-store-suite.ts'
import { until } from '../kit/until.ts'
import { storeProcess } from './store-process.ts'
import type { StoreProcess } from './store-process.ts'

let folder = ''
let path = ''
let nowMs = 0
let stores: { close(): Promise<void> }[] = []
let processes: StoreProcess[] = []
let lines: string[] = []

const line = (_fields: object, message: string): void => void lines.push(message)
const log = { debug: line, info: line, warn: line, error: line }

function open(settings: Partial<SqliteRecordStoreOptions> = {}): RecordStore {
  const store = sqliteRecordStore({ path, log, now: () => nowMs, cleanEveryMs: 60_000, ...settings })
  stores.push(store)
  return store
}

const record = (id: string, over: Partial<NewRecord> = {}): NewRecord => ({
  kind: 'intent',
  id,
  group: 'g',
  state: 'running',
  dueAtMs: Infinity,
  expiresAtMs: Infinity,
  createdAtMs: nowMs,
  value: '{}',
  ...over,
})

const beginAnew = async (): Promise<void> => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-records-'))
  path = join(folder, 'store', 'store.db')
  nowMs = 1_700_000_000_000
  stores = []
  processes = []
  lines = []
}

const end = async (): Promise<void> => {
  await Promise.all(processes.map((one) => one.kill()))
  await Promise.all(stores.map((store) => store.close()))
  await rm(folder, { recursive: true, force: true })
}

describeRecordStore('an SQLite file', async () => {
  await beginAnew()
  return {
    open: () => open(),
    process: async (work) => {
      const child = await storeProcess({ store: { type: 'embedded', path }, work })
      processes.push(child)
      return child
    },
    now: () => nowMs,
    pass: (ms) => {
      nowMs += ms
      return Promise.resolve()
    },
    stop: end,
  }
})

describe('the file of records', () => {
  beforeEach(beginAnew)
  afterEach(end)

  test('is not touched before it is used', async () => {
    const store = open({ cleanEveryMs: 1 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    await expect(readFile(path)).rejects.toThrow('ENOENT')
    await store.put(record('a'), 0)
    expect((await readFile(path)).length).toBeGreaterThan(0)
  })

  test('may be the one of statuses and keys, whichever comes first', async () => {
    for (const first of ['records', 'jobs']) {
      path = join(folder, `${first}.db`)
      const jobs = sqliteJobStore({ path, statusTtlMs: 1000, log, now: () => nowMs })
      stores.push(jobs)
      const store = open()
      const steps = [() => store.put(record('a'), 0), () => jobs.begin({ id: 'm', queue: 'q', idempotency: undefined })]
      for (const step of first === 'records' ? steps : steps.reverse()) await step()
      expect(await store.get('intent', 'a')).toMatchObject({ version: 1 })
      expect(await jobs.stored('m')).toMatchObject({ state: 'queued' })
    }
  })

  test('is cleaned of what has expired, in small portions, and of nothing else', async () => {
    const store = open({ cleanEveryMs: 20 })
    await Promise.all(Array.from({ length: 1200 }, (_, i) => store.put(record(`x${i}`, { expiresAtMs: nowMs + 1000, dueAtMs: 1 }), 0)))
    await store.put(record('stays', { expiresAtMs: nowMs + 2000 }), 0)
    nowMs += 1000
    const rows = (): unknown => {
      const database = new DatabaseSync(path, { readOnly: true })
      try {
        return database.prepare('SELECT count(*) AS rows FROM records').get()?.['rows']
      } finally {
        database.close()
      }
    }
    await until('the expired ones are gone', () => rows() === 1)
    expect(await store.get('intent', 'stays')).toBeDefined()
    expect(await store.counts('intent')).toEqual({ running: 1 })
  })

  test('that has grown to its limit refuses what is new, gives what it has, and takes more when records have expired', async () => {
    const store = open({ maxBytes: 400 * 1024, cleanEveryMs: 20 })
    const value = JSON.stringify('x'.repeat(10_000))
    const refused = async (): Promise<unknown> => {
      for (let i = 0; i < 100; i += 1) {
        const error = await store.put(record(`x${i}`, { value, expiresAtMs: nowMs + 1000 }), 0).catch((thrown: unknown) => thrown)
        if (typeof error !== 'number') return error
      }
      return undefined
    }
    expect(await refused()).toMatchObject({ code: 'STATE_UNAVAILABLE', status: 503, retryAfterSeconds: 5 })
    expect((await store.get('intent', 'x0'))?.value).toBe(value)
    expect(lines).toEqual(['the state store cannot be used'])
    nowMs += 1000
    await until('there is room', async () => (await store.put(record('new', { value }), 0).catch(() => undefined)) === 1)
    expect(lines).toEqual(['the state store cannot be used', 'the state store works again'])
  })

  test('of another format is left alone', async () => {
    const store = open()
    await store.put(record('a'), 0)
    await store.close()
    const database = new DatabaseSync(path)
    database.exec('UPDATE record_format SET format = 2')
    database.close()
    await expect(open().get('intent', 'a')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
  })

  test('that is none is refused, and used as soon as it is away', async () => {
    await open().close()
    path = join(folder, 'broken.db')
    await writeFile(path, 'no database at all, but long enough to be taken for one'.repeat(100))
    await chmod(path, 0o600)
    const store = open()
    await expect(store.get('intent', 'a')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' })
    await rm(path)
    nowMs += 5000
    expect(await store.put(record('a'), 0)).toBe(1)
  })
})
