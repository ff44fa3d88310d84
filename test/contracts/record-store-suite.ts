import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { maxRecordBytes } from '../../gateway/state/record-store.ts'
import type { NewRecord, RecordStore, StoredRecord } from '../../gateway/state/record-store.ts'
import { until } from '../kit/until.ts'
import type { StoreProcess } from '../state/store-process.ts'
import { newRecord } from '../state/records.ts'

/** A store of its own for one test. */
export interface RecordStoreHarness {
  /** The store as one more process has it; closed by `stop`. */
  open(): RecordStore
  /** Another process that uses it; killed by `stop`. */
  process(work: 'write' | 'race'): Promise<StoreProcess>
  /** Milliseconds since the epoch, as the store sees it. */
  now(): number
  /** Resolves when so much time has passed for the store. */
  pass(ms: number): Promise<void>
  stop(): Promise<void>
}

/** The cases that every store of records passes. @param setup Makes a new one for every test. */
export function describeRecordStore(name: string, setup: () => Promise<RecordStoreHarness>): void {
  describe(`the contract of a record store, kept by ${name}`, () => {
    let harness: RecordStoreHarness
    let store: RecordStore
    beforeEach(async () => {
      harness = await setup()
      store = harness.open()
    })
    afterEach(() => harness.stop())

    const record = (id: string, over: Partial<NewRecord> = {}): NewRecord => newRecord(id, { createdAtMs: harness.now(), ...over })
    const ids = (records: readonly StoredRecord[]): string[] => records.map(({ id }) => id)

    describe('a record', () => {
      test('is there as it was put, and not before', async () => {
        expect(await store.get('intent', 'a')).toBeUndefined()
        const made = record('a', { dueAtMs: harness.now() + 5, expiresAtMs: harness.now() + 60_000, value: '{"amount":12}' })
        expect(await store.put(made, 0)).toBe(1)
        expect(await store.get('intent', 'a')).toEqual({ ...made, version: 1 })
        expect(await store.get('flow', 'a')).toBeUndefined()
        expect(await harness.open().get('intent', 'a')).toEqual({ ...made, version: 1 })
      })

      test('changes for whoever knows its version, and for nobody else', async () => {
        const made = record('a')
        await store.put(made, 0)
        expect(await store.put(record('a'), 0)).toBeUndefined()
        expect(await store.put(record('a', { state: 'completed' }), 2)).toBeUndefined()
        expect(await store.put(record('a', { state: 'completed', createdAtMs: made.createdAtMs + 7, group: 'g', value: '1' }), 1)).toBe(2)
        expect(await store.put(record('a', { state: 'failed' }), 1)).toBeUndefined()
        expect(await store.get('intent', 'a')).toEqual({ ...made, state: 'completed', group: 'g', value: '1', version: 2 })
        expect(await store.put(record('b'), 1)).toBeUndefined()
        expect(await store.get('intent', 'b')).toBeUndefined()
      })

      test('is removed by whoever knows its version, and can be made anew', async () => {
        await store.put(record('a', { dueAtMs: 1 }), 0)
        await store.put(record('a', { dueAtMs: 1 }), 1)
        expect(await store.remove('intent', 'a', 1)).toBe(false)
        expect(await store.remove('intent', 'a', 2)).toBe(true)
        expect(await store.remove('intent', 'a', 2)).toBe(false)
        expect(await store.get('intent', 'a')).toBeUndefined()
        expect(await store.due('intent', harness.now(), 10)).toEqual([])
        expect(await store.counts('intent')).toEqual({})
        expect((await store.list('intent', { limit: 10 })).records).toEqual([])
        expect(await store.put(record('a'), 0)).toBe(1)
      })

      test('of those who put it at the same time one wins, for every version', async () => {
        const [one, two] = [store, harness.open()]
        for (const expected of [0, 1, 2]) {
          const puts = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? one : two).put(record('a', { value: `${expected}.${i}` }), expected))
          const won = (await Promise.all(puts)).flatMap((version, i) => (version === undefined ? [] : [i]))
          expect(won).toHaveLength(1)
          expect(await store.get('intent', 'a')).toMatchObject({ version: expected + 1, value: `${expected}.${won[0]}` })
        }
      })

      test('that has expired counts as none, everywhere', async () => {
        await store.put(record('a', { expiresAtMs: harness.now() + 300, dueAtMs: 1 }), 0)
        await store.put(record('b', { expiresAtMs: harness.now() + 60_000, dueAtMs: 1 }), 0)
        expect(ids(await store.due('intent', harness.now(), 10)).sort()).toEqual(['a', 'b'])
        await harness.pass(301)
        expect(await store.get('intent', 'a')).toBeUndefined()
        expect(ids(await store.due('intent', harness.now(), 10))).toEqual(['b'])
        expect(ids((await store.list('intent', { limit: 10 })).records)).toEqual(['b'])
        expect(await store.counts('intent')).toEqual({ running: 1 })
        expect(await store.put(record('a'), 1)).toBeUndefined()
        expect(await store.remove('intent', 'a', 1)).toBe(false)
        const anew = record('a', { state: 'queued', group: 'other' })
        expect(await store.put(anew, 0)).toBe(1)
        expect(await store.get('intent', 'a')).toEqual({ ...anew, version: 1 })
        expect(await store.counts('intent')).toEqual({ running: 1, queued: 1 })
        expect(ids((await store.list('intent', { limit: 10, state: 'running' })).records)).toEqual(['b'])
      })

      test.each([
        ['512 characters', 'é'.repeat(512)],
        ['characters beyond the basic plane', '😀'.repeat(256)],
        ['what is special in keys, patterns and queries', `a:b*?[x]{y}'"%_\\ \n/..`],
        ['NUL', 'a\0b'],
        ['a half of a pair', 'a\ud800b'],
        ['512 backslashes', '\\'.repeat(512)],
        ['what looks like an escape', '\\0\\d800\\\\'],
        ['a name that objects have', '__proto__'],
      ])('may have an id of %s', async (_what, id) => {
        const made = record(id, { group: id.slice(0, 200), state: id.slice(0, 40), dueAtMs: 1 })
        expect(await store.put(made, 0)).toBe(1)
        expect(await store.get('intent', id)).toEqual({ ...made, version: 1 })
        expect(await store.due('intent', harness.now(), 10)).toEqual([{ ...made, version: 1 }])
        const { records, cursor } = await store.list('intent', { limit: 1, group: made.group, state: made.state })
        expect(records).toEqual([{ ...made, version: 1 }])
        expect((await store.list('intent', { limit: 1, ...(cursor === undefined ? {} : { cursor }) })).records).toHaveLength(
          cursor === undefined ? 1 : 0,
        )
        expect(Object.entries(await store.counts('intent'))).toEqual([[made.state, 1]])
        expect(await store.remove('intent', id, 1)).toBe(true)
      })

      test('holds 1 MiB, and no byte more', async () => {
        const value = JSON.stringify('ü'.repeat(maxRecordBytes / 2 - 1))
        expect(await store.put(record('a', { value }), 0)).toBe(1)
        expect((await store.get('intent', 'a'))?.value).toBe(value)
        await expect(store.put(record('b', { value: `${value} ` }), 0)).rejects.toThrow(RangeError)
        await expect(store.put(record('x'.repeat(513)), 0)).rejects.toThrow(RangeError)
        await expect(store.put(record('c', { dueAtMs: NaN }), 0)).rejects.toThrow(RangeError)
      })
    })

    describe('records that are due', () => {
      test('are given the oldest first, as many as are asked for, without changing them', async () => {
        const now = harness.now()
        const put = (id: string, dueAtMs: number): Promise<unknown> => store.put(record(id, { dueAtMs }), 0)
        await Promise.all([
          put('c', now - 10),
          put('a', now - 30),
          put('later', now + 1000),
          put('never', Infinity),
          put('b', now - 20),
          put('now', now),
        ])
        await store.put(record('other', { kind: 'flow', dueAtMs: 1 }), 0)
        expect(ids(await store.due('intent', now, 2))).toEqual(['a', 'b'])
        expect(ids(await store.due('intent', now, 10))).toEqual(['a', 'b', 'c', 'now'])
        expect(ids(await store.due('intent', Infinity, 10))).toEqual(['a', 'b', 'c', 'now', 'later'])
      })

      test('are no longer due for anybody once somebody has put them off', async () => {
        const now = harness.now()
        await store.put(record('a', { dueAtMs: now }), 0)
        const takers = [store, harness.open()]
        const found = await Promise.all(takers.map((one) => one.due('intent', now, 10)))
        expect(found.map(ids)).toEqual([['a'], ['a']])
        const taken = await Promise.all(takers.map((one) => one.put(record('a', { dueAtMs: now + 10_000 }), 1)))
        expect(taken.filter((version) => version !== undefined)).toEqual([2])
        expect(await store.due('intent', now, 10)).toEqual([])
        expect(ids(await store.due('intent', now + 10_000, 10))).toEqual(['a'])
        await store.put(record('a', { dueAtMs: Infinity }), 2)
        expect(await store.due('intent', Infinity, 10)).toEqual([])
      })
    })

    describe('a list', () => {
      const all = async (query: { readonly group?: string; readonly state?: string; readonly limit: number }): Promise<string[]> => {
        const found: string[] = []
        let cursor: string | undefined
        do {
          const page = await store.list('intent', { ...query, ...(cursor === undefined ? {} : { cursor }) })
          expect(page.records.length).toBeLessThanOrEqual(query.limit)
          found.push(...ids(page.records))
          cursor = page.cursor
        } while (cursor !== undefined)
        return found
      }

      test('gives every record once, the newest first, whatever the size of its pages, and only those that are asked for', async () => {
        const now = harness.now()
        const made = Array.from({ length: 140 }, (_, i) => ({
          id: `i${String(i).padStart(3, '0')}`,
          group: i % 7 === 0 ? 'rare' : 'common',
          state: ['running', 'completed', 'review'][i % 3] ?? '',
          // Many at the same time, as under load.
          createdAtMs: now - 1000 + Math.floor(i / 10),
        }))
        await Promise.all(made.map((one) => store.put(record(one.id, one), 0)))
        const newest = made.map(({ id }) => id).reverse()
        for (const limit of [1, 33, 1000]) expect(await all({ limit })).toEqual(newest)
        const those = (wanted: (one: (typeof made)[number]) => boolean): string[] =>
          newest.filter((id) => made.some((one) => one.id === id && wanted(one)))
        expect(await all({ limit: 9, state: 'review' })).toEqual(those(({ state }) => state === 'review'))
        expect(await all({ limit: 9, group: 'rare' })).toEqual(those(({ group }) => group === 'rare'))
        expect(await all({ limit: 3, group: 'rare', state: 'running' })).toEqual(those(({ group, state }) => group === 'rare' && state === 'running'))
        expect(await all({ limit: 3, group: 'unknown' })).toEqual([])
        expect(await store.counts('intent')).toEqual({ running: 47, completed: 47, review: 46 })
      })

      test('shows a record in the state that it has now', async () => {
        await store.put(record('a'), 0)
        await store.put(record('a', { state: 'review' }), 1)
        expect(ids((await store.list('intent', { limit: 10 })).records)).toEqual(['a'])
        expect((await store.list('intent', { limit: 10, state: 'running' })).records).toEqual([])
        expect(ids((await store.list('intent', { limit: 10, state: 'review' })).records)).toEqual(['a'])
        expect(await store.counts('intent')).toEqual({ review: 1 })
      })

      test('of large records has short pages', async () => {
        const value = JSON.stringify('x'.repeat(maxRecordBytes - 2))
        for (let i = 0; i < 30; i += 1) await store.put(record(`r${i}`, { value, createdAtMs: i }), 0)
        const first = await store.list('intent', { limit: 1000 })
        expect(first.records.length).toBeLessThan(30)
        expect(await all({ limit: 1000 })).toEqual(Array.from({ length: 30 }, (_, i) => `r${29 - i}`))
      })

      test('begins at its start for a cursor that no page has ended with', async () => {
        await store.put(record('a'), 0)
        expect(ids((await store.list('intent', { limit: 10, cursor: 'nonsense' })).records)).toEqual(['a'])
      })
    })

    describe('several processes', () => {
      test('lose nothing that was confirmed when one of them is killed', async () => {
        const [one, two] = await Promise.all([harness.process('write'), harness.process('write')])
        await until('both have written', () => one.said().length > 200 && two.said().length > 200, 15_000)
        await one.kill()
        const before = two.said().length
        await until('the other one goes on', () => two.said().length > before + 100, 15_000)
        await two.kill()
        const again = harness.open()
        const confirmed = [...one.said(), ...two.said()]
        const found = await Promise.all(confirmed.map((id) => again.get('intent', id)))
        expect(confirmed.filter((_, i) => found[i] === undefined)).toEqual([])
      })

      test('never both get their way', async () => {
        const racers = await Promise.all([harness.process('race'), harness.process('race')])
        const won = (): number[] => racers.flatMap((racer) => racer.said().map(Number))
        await until('both have won often', () => racers.every((racer) => racer.said().length >= 20) && won().length > 200, 15_000)
        await Promise.all(racers.map((racer) => racer.kill()))
        const versions = won().sort((first, second) => first - second)
        expect(new Set(versions).size).toBe(versions.length)
        const last = await store.get('intent', 'contended')
        expect(last?.version).toBeGreaterThanOrEqual(versions.at(-1) ?? Infinity)
      })
    })
  })
}
