import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RecordStore } from './record-store.ts'
import { sealedIds, unsealed } from './sealed-ids.ts'
import { sqliteRecordStore } from './sqlite-record-store.ts'

const line = (): void => undefined
const log = { debug: line, info: line, warn: line, error: line }

let folder = ''
let store: RecordStore
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-seals-'))
  store = sqliteRecordStore({ path: join(folder, 'store.db'), log, now: Date.now })
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

test('an id is opened by its own seal alone', async () => {
  const ids = sealedIds(store, Date.now)
  const sealed = await ids.seal('int_1')
  expect(sealed).toMatch(/^int_1\.[0-9a-f]{20}$/)
  expect(await ids.open(sealed)).toBe('int_1')
  for (const wrong of [
    'int_1',
    'int_1.',
    'int_1.00000000000000000000',
    sealed.replace('int_1', 'int_2'),
    `${sealed}.a`,
    `${sealed}0`,
    '',
    'int_1.ääääääääääää',
  ]) {
    expect(await ids.open(wrong), wrong).toBeUndefined()
  }
  expect([unsealed(sealed), unsealed('int_1')]).toEqual(['int_1', 'int_1'])
})

test('processes that begin together with one store seal alike, and so does the next start', async () => {
  const [first, second] = [sealedIds(store, Date.now), sealedIds(store, Date.now)]
  const [one, two] = await Promise.all([first.seal('int_1'), second.seal('int_1')])
  expect(one).toBe(two)
  expect(await sealedIds(store, Date.now).seal('int_1')).toBe(one)
})

test('another store seals otherwise', async () => {
  const other = sqliteRecordStore({ path: join(folder, 'other.db'), log, now: Date.now })
  expect(await sealedIds(other, Date.now).seal('int_1')).not.toBe(await sealedIds(store, Date.now).seal('int_1'))
  await other.close()
})
