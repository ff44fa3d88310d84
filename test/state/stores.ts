import type { RecordStore } from '../../gateway/state/record-store.ts'
import { sqliteRecordStore } from '../../gateway/state/sqlite-record-store.ts'
import type { StoreTask } from './store-process.ts'

const line = (): void => undefined
const deps = { log: { debug: line, info: line, warn: line, error: line }, now: Date.now }

export function openStore(place: StoreTask['store']): RecordStore {
  if (place.type !== 'embedded') throw new Error('not yet')
  return sqliteRecordStore({ path: place.path, ...deps })
}
