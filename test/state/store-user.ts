import type { RecordStore } from '../../gateway/state/record-store.ts'
import { openStore } from './stores.ts'
import type { StoreTask } from './store-process.ts'

const record = (id: string) =>
  ({ kind: 'intent', id, group: 'g', state: 'running', dueAtMs: Infinity, expiresAtMs: Infinity, createdAtMs: Date.now(), value: '{}' }) as const

const say = (what: string | number): void => void process.send?.(String(what))

async function write(store: RecordStore, lane: number): Promise<never> {
  for (let i = 0; ; i += 1) {
    const id = `${process.pid}-${lane}-${i}`
    if ((await store.put(record(id), 0)) === 1) say(id)
  }
}

async function race(store: RecordStore): Promise<never> {
  for (;;) {
    const version = await store.put(record('contended'), (await store.get('intent', 'contended'))?.version ?? 0)
    if (version !== undefined) say(version)
  }
}

const { store: place, work } = JSON.parse(process.argv[2] ?? '') as StoreTask
const store = openStore(place)
await (work === 'race' ? race(store) : Promise.all([0, 1, 2, 3].map((lane) => write(store, lane))))
