import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { sqliteThread } from './sqlite-thread.ts'
import type { SqliteThread, SqliteThreadOptions } from './sqlite-thread.ts'
import { StoreError } from './store-error.ts'
import type { NumberOperations } from './test/program.ts'

let folder: string
let path: string
const threads: SqliteThread<NumberOperations>[] = []

const open = (options: Partial<SqliteThreadOptions<string>> = {}): SqliteThread<NumberOperations> => {
  const thread = sqliteThread<NumberOperations, string>({ program: new URL('./test/program.ts', import.meta.url), path, ...options })
  threads.push(thread)
  return thread
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-sqlite-'))
  path = join(folder, 'made', 'store.db')
})

afterEach(async () => {
  await Promise.all(threads.splice(0).map((thread) => thread.close()))
  await rm(folder, { recursive: true })
})

describe('an SQLite thread', () => {
  test('makes folder and file for the owner only', async () => {
    await open().opened
    expect((await stat(join(folder, 'made'))).mode & 0o777).toBe(0o700)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('stores calls made at the same time in few commits, in their order', async () => {
    const thread = open()
    await Promise.all(Array.from({ length: 500 }, (_, index) => thread.call('add', index)))
    expect(await thread.call('list', undefined)).toEqual(Array.from({ length: 500 }, (_, index) => index))
    expect(await thread.call('commits', undefined)).toBeLessThan(20)
  })

  test('begins a new transaction when the most calls for one are reached', async () => {
    const thread = open({ maxCallsPerTransaction: 10 })
    await Promise.all(Array.from({ length: 100 }, (_, index) => thread.call('add', index)))
    expect(await thread.call('commits', undefined)).toBeGreaterThanOrEqual(10)
  })

  test('undoes an operation that throws and nothing else of its transaction', async () => {
    const thread = open()
    const settled = await Promise.allSettled([thread.call('add', 1), thread.call('addThenFail', 2), thread.call('add', 3)])
    expect(settled.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(settled[1]).toMatchObject({ reason: { kind: 'operation', message: 'refused' } })
    expect(await thread.call('list', undefined)).toEqual([1, 3])
  })

  test('hands out events after their commit', async () => {
    const events: string[] = []
    const thread = open({ onEvent: (event) => events.push(event) })
    await thread.call('add', 7)
    await until('the event is there', () => events.length === 1)
    expect(events).toEqual(['added 7'])
  })

  test('rejects all of a transaction when the disk is full, and goes on when there is room again', async () => {
    const events: string[] = []
    const thread = open({ onEvent: (event) => events.push(event) })
    await thread.call('limitPages', 20)
    const settled = await Promise.allSettled([thread.call('add', 1), thread.call('fill', new Uint8Array(1_000_000)), thread.call('add', 2)])
    expect(settled).toMatchObject([{ reason: { kind: 'full' } }, { reason: { kind: 'full' } }, { reason: { kind: 'full' } }])
    expect(await thread.call('list', undefined)).toEqual([])
    await thread.call('limitPages', 1_000_000)
    await thread.call('fill', new Uint8Array(1_000_000))
    await thread.call('add', 3)
    expect(await thread.call('list', undefined)).toEqual([3])
    expect(events).toEqual(['added 3'])
  })

  test('waits for another process that writes, and gives up after the time for it', async () => {
    const thread = open({ busyMs: 50 })
    await thread.opened
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(thread.call('add', 1)).rejects.toMatchObject({ kind: 'busy' })
    expect(await thread.call('list', undefined)).toEqual([])
    other.exec('COMMIT')
    other.close()
    await thread.call('add', 2)
    expect(await thread.call('list', undefined)).toEqual([2])
  })

  test('runs periodic work in transactions of its own', async () => {
    const thread = open({ data: { tickMs: 1 } })
    await until('three ticks have written', async () => (await thread.call('list', undefined)).length >= 3)
    expect((await thread.call('list', undefined))[0]).toBe(-1)
  })

  test('says what is wrong with a file that is not a database', async () => {
    path = join(folder, 'text.db')
    await writeFile(path, 'nothing of SQLite'.repeat(1000))
    const ends: StoreError[] = []
    const thread = open({ onEnd: (error) => ends.push(error) })
    await expect(thread.opened).rejects.toMatchObject({ kind: 'corrupt' })
    await expect(thread.call('add', 1)).rejects.toBeInstanceOf(StoreError)
    expect(ends).toHaveLength(1)
  })

  test('says so when the folder cannot be made', async () => {
    await writeFile(join(folder, 'file'), '')
    path = join(folder, 'file', 'store.db')
    await expect(open().opened).rejects.toMatchObject({ kind: 'io' })
  })

  test('rejects what is pending when the thread dies', async () => {
    const ends: StoreError[] = []
    const thread = open({ onEnd: (error) => ends.push(error) })
    // Its answer may go down with the thread.
    await thread.call('die', undefined).catch(() => undefined)
    await until('the owner was told', () => ends.length === 1)
    await expect(thread.call('add', 1)).rejects.toMatchObject({ kind: 'ended' })
  })

  test('finishes pending calls before it closes, and takes none afterwards', async () => {
    const thread = open()
    const added = thread.call('add', 1)
    await thread.close()
    await added
    await expect(thread.call('add', 2)).rejects.toMatchObject({ kind: 'ended' })
    expect(await open().call('list', undefined)).toEqual([1])
  })
})
