import { randomUUID } from 'node:crypto'
import type { BrokerLog } from '../../gateway/messaging/broker.ts'
import { loadPgLibrary } from '../../gateway/state/postgresql-library.ts'
import { postgresqlRecordStore } from '../../gateway/state/postgresql-record-store.ts'
import type { RecordStore } from '../../gateway/state/record-store.ts'
import { redisRecordStore } from '../../gateway/state/redis-record-store.ts'
import { sqliteRecordStore } from '../../gateway/state/sqlite-record-store.ts'
import type { RecordStoreHarness } from '../contracts/record-store-suite.ts'
import { until } from '../kit/until.ts'
import { storeProcess } from './store-process.ts'
import type { StoreProcess, StoreTask } from './store-process.ts'

const library = await loadPgLibrary()

type Place = StoreTask['store']

export interface StoreSettings {
  readonly cleanEveryMs?: number
}

export function openStore(place: Place, log = silent, settings: StoreSettings = {}): RecordStore {
  const deps = { log, now: Date.now, ...settings }
  if (place.type === 'embedded') return sqliteRecordStore({ path: place.path, ...deps })
  if (place.type === 'redis') return redisRecordStore({ config: place, ...deps })
  return postgresqlRecordStore({ config: place, library, reveal: (text) => text, ...deps })
}

const line = (): void => undefined
const silent: BrokerLog = { debug: line, info: line, warn: line, error: line }

/** Stores over one server, apart from those of other tests. */
export interface ServerStores extends RecordStoreHarness {
  open(over?: Partial<Place>, settings?: StoreSettings): RecordStore
  /** What was logged: level, fields and message of each line. */
  readonly lines: readonly string[]
  readonly place: Place
}

export function serverStores(base: Exclude<Place, { readonly type: 'embedded' }>): ServerStores {
  const place: Place =
    base.type === 'redis'
      ? { ...base, keyPrefix: `${randomUUID()}:` }
      : { ...base, tablePrefix: `t${randomUUID().replaceAll('-', '').slice(0, 20)}_` }
  const stores: RecordStore[] = []
  const processes: StoreProcess[] = []
  const lines: string[] = []
  const write = (level: string) => (fields: object, message: string) => {
    const shown = Object.entries(fields).map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
    lines.push([level, ...shown, message].join(' '))
  }
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  return {
    place,
    lines,
    now: Date.now,
    // Servers go by clocks of their own.
    pass: async (ms) => {
      const end = performance.now() + ms + 5
      await until(`${ms} ms have passed`, () => performance.now() > end, ms + 5000)
    },
    open: (over = {}, settings = {}) => {
      const store = openStore({ ...place, ...over } as Place, log, settings)
      stores.push(store)
      return store
    },
    process: async (work) => {
      const child = await storeProcess({ store: place, work })
      processes.push(child)
      return child
    },
    stop: async () => {
      await Promise.all(processes.map((one) => one.kill()))
      await Promise.all(stores.map((store) => store.close()))
    },
  }
}
