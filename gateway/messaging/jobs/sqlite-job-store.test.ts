import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { claimLimitMs } from './job-program.ts'
import type { Begun, JobRequest, JobStore } from './job-store.ts'
import { messageId } from './message-id.ts'
import { sqliteJobStore } from './sqlite-job-store.ts'
import type { SqliteJobStoreOptions } from './sqlite-job-store.ts'

let folder = ''
let path = ''
let nowMs = 0
let stores: JobStore[] = []
let lines: string[] = []
let children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-jobs-'))
  path = join(folder, 'store', 'jobs.db')
  nowMs = 1_700_000_000_000
  stores = []
  lines = []
  children = []
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(stores.map((store) => store.close()))
  await rm(folder, { recursive: true, force: true })
})

const line = (_fields: object, message: string): void => void lines.push(message)
const log = { debug: line, info: line, warn: line, error: line }

function open(settings: Partial<SqliteJobStoreOptions> = {}): JobStore {
  const store = sqliteJobStore({ path, statusTtlMs: 60_000, log, now: () => nowMs, cleanEveryMs: 60_000, ...settings })
  stores.push(store)
  return store
}

const request = (key?: string, of: { readonly fingerprint?: string; readonly scope?: string; readonly ttlMs?: number } = {}): JobRequest => {
  const { fingerprint = 'f', scope = 'route', ttlMs = 3_600_000 } = of
  return { id: messageId(nowMs), queue: 'orders', idempotency: key === undefined ? undefined : { scope, key, fingerprint, ttlMs } }
}

const idOf = (begun: Begun): string | undefined => (begun.outcome === 'new' ? begun.id : begun.outcome === 'known' ? begun.job.id : undefined)

const never = new AbortController().signal

describe('a job', () => {
  test('can be asked for once its message is stored, and not before', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    expect(await store.get(id)).toBeUndefined()
    const job = { id, queue: 'orders', state: 'queued', createdAtMs: nowMs, updatedAtMs: nowMs, attempts: 0, lastError: undefined, result: undefined }
    expect(await store.stored(id)).toEqual(job)
    expect(await store.get(id)).toEqual(job)
  })

  test('shows what happened to it, and keeps its result', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.stored(id)
    nowMs += 5
    await store.update(id, { state: 'queued', attempts: 3, lastError: { type: 'status_503', message: 'x'.repeat(900) } })
    expect(await store.get(id)).toMatchObject({ state: 'queued', attempts: 3, updatedAtMs: nowMs, lastError: { message: 'x'.repeat(500) } })
    await store.update(id, {
      state: 'completed',
      attempts: 4,
      result: { status: 201, contentType: 'application/json', body: Buffer.from('{"ok":true}') },
    })
    expect(await store.get(id)).toMatchObject({
      state: 'completed',
      attempts: 4,
      lastError: undefined,
      result: { status: 201, contentType: 'application/json', body: Buffer.from('{"ok":true}') },
    })
  })

  test('stays completed whatever becomes of a second copy of its message', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.stored(id)
    await store.update(id, { state: 'completed' })
    await store.update(id, { state: 'dead_lettered', lastError: { type: 'status_400', message: '' } })
    expect(await store.get(id)).toMatchObject({ state: 'completed', lastError: undefined })
  })

  test('is queued again when its dead letter is replayed', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.stored(id)
    await store.update(id, { state: 'dead_lettered', lastError: { type: 'status_400', message: '' } })
    await store.update(id, { state: 'queued' })
    expect(await store.get(id)).toMatchObject({ state: 'queued' })
  })

  test('whose consumer was faster than the confirmation keeps what the consumer wrote', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.update(id, { state: 'processing' })
    expect(await store.stored(id)).toMatchObject({ state: 'processing' })
  })

  test('that is not known is left alone', async () => {
    const store = open()
    await store.update(messageId(nowMs), { state: 'completed' })
    expect(lines).toEqual([])
  })

  test('leaves out a result beyond the limit', async () => {
    const store = open()
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.update(id, { state: 'completed', result: { status: 200, contentType: 'text/plain', body: Buffer.alloc(70_000) } })
    expect(await store.get(id)).toMatchObject({ result: { status: 200, contentType: 'text/plain', body: undefined } })
  })
})

describe('an idempotency key', () => {
  test('gives the same job to the same request, whatever its state', async () => {
    const store = open()
    const id = idOf(await store.begin(request('k'))) ?? ''
    await store.stored(id)
    expect(await store.begin(request('k'))).toMatchObject({ outcome: 'known', job: { id, state: 'queued' } })
    await store.update(id, { state: 'completed' })
    expect(await store.begin(request('k'))).toMatchObject({ outcome: 'known', job: { id, state: 'completed' } })
  })

  test('refuses another request, while the first is being stored and afterwards', async () => {
    const store = open()
    const id = idOf(await store.begin(request('k'))) ?? ''
    expect(await store.begin(request('k', { fingerprint: 'other' }))).toEqual({ outcome: 'conflict' })
    await store.stored(id)
    expect(await store.begin(request('k', { fingerprint: 'other' }))).toEqual({ outcome: 'conflict' })
  })

  test('is told apart by rule', async () => {
    const store = open()
    await store.begin(request('k'))
    expect(await store.begin(request('k', { scope: 'another' }))).toMatchObject({ outcome: 'new' })
  })

  test('of 200 requests at once, in two processes, lets exactly one publish', async () => {
    const both = [open(), open()] as const
    const begun = await Promise.all(Array.from({ length: 200 }, (_, i) => (both[i % 2] ?? both[0]).begin(request('k'))))
    expect(begun.filter(({ outcome }) => outcome === 'new')).toHaveLength(1)
    expect(begun.filter(({ outcome }) => outcome === 'in_progress')).toHaveLength(199)
  })

  test('is free after a publish that failed: with the same id for the same request, with a new one for another', async () => {
    const store = open()
    const id = idOf(await store.begin(request('k'))) ?? ''
    await store.forget(id)
    expect(idOf(await store.begin(request('k')))).toBe(id)
    await store.forget(id)
    const other = await store.begin(request('k', { fingerprint: 'other' }))
    expect(other.outcome).toBe('new')
    expect(idOf(other)).not.toBe(id)
  })

  test('is known when the message of a failed publish has been met by a consumer', async () => {
    const store = open()
    const id = idOf(await store.begin(request('k'))) ?? ''
    await store.forget(id)
    await store.update(id, { state: 'processing' })
    expect(await store.begin(request('k'))).toMatchObject({ outcome: 'known', job: { id, state: 'processing' } })
  })

  test('may be used anew after its time', async () => {
    const store = open()
    const id = idOf(await store.begin(request('k', { ttlMs: 1000 }))) ?? ''
    await store.stored(id)
    nowMs += 1000
    const again = await store.begin(request('k', { fingerprint: 'other', ttlMs: 1000 }))
    expect(again.outcome).toBe('new')
    expect(idOf(again)).not.toBe(id)
  })

  test('is taken over from a living process that neither stores nor gives up', async () => {
    const [one, two] = [open(), open()]
    const id = idOf(await one.begin(request('k')))
    expect(await two.begin(request('k'))).toEqual({ outcome: 'in_progress' })
    nowMs += claimLimitMs
    expect(await two.begin(request('k'))).toEqual({ outcome: 'new', id })
  })

  test('claimed by a process that was killed is taken over at once, under the id of then, and by the same request only', async () => {
    const id = messageId(nowMs)
    const child = claimer(id, 'k')
    await once(child.stdout ?? child, 'data')
    const store = open()
    expect(await store.begin(request('k'))).toEqual({ outcome: 'in_progress' })
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    expect(await store.begin(request('k', { fingerprint: 'other' }))).toEqual({ outcome: 'conflict' })
    expect(await store.begin(request('k'))).toEqual({ outcome: 'new', id })
  })

  test('survives a restart together with its job', async () => {
    const before = open()
    const id = idOf(await before.begin(request('k'))) ?? ''
    await before.stored(id)
    await before.close()
    expect(await open().begin(request('k'))).toMatchObject({ outcome: 'known', job: { id } })
  })
})

/** Another process that claims a key and then does nothing more. */
function claimer(id: string, key: string): ChildProcess {
  const store = new URL('sqlite-job-store.ts', import.meta.url).href
  const claim = { id, queue: 'orders', idempotency: { scope: 'route', key, fingerprint: 'f', ttlMs: 3_600_000 } }
  const program = `
    import { sqliteJobStore } from ${JSON.stringify(store)}
    const line = () => undefined
    const log = { debug: line, info: line, warn: line, error: line }
    const store = sqliteJobStore({ path: ${JSON.stringify(path)}, statusTtlMs: 60000, log, now: () => ${nowMs} })
    await store.begin(${JSON.stringify(claim)})
    process.stdout.write('claimed')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

describe('waiting', () => {
  const began = async (store: JobStore): Promise<string> => {
    const { id } = request()
    await store.begin({ id, queue: 'orders', idempotency: undefined })
    await store.stored(id)
    return id
  }

  test('ends when the job ends in this process', async () => {
    const store = open()
    const id = await began(store)
    const waited = store.wait(id, 10_000, never)
    await store.update(id, { state: 'completed' })
    expect(await waited).toMatchObject({ state: 'completed' })
  })

  test('ends when the job ends in another process', async () => {
    const [one, two] = [open(), open()]
    const id = await began(one)
    const waited = one.wait(id, 10_000, never)
    await two.update(id, { state: 'processing' })
    await two.update(id, { state: 'dead_lettered' })
    expect(await waited).toMatchObject({ state: 'dead_lettered' })
  })

  test('ends after its time, with the job as it is', async () => {
    const store = open()
    expect(await store.wait(await began(store), 20, never)).toMatchObject({ state: 'queued' })
  })

  test('ends when it is called off', async () => {
    const store = open()
    const id = await began(store)
    const off = new AbortController()
    const waited = store.wait(id, 60_000, off.signal)
    off.abort()
    expect(await waited).toMatchObject({ state: 'queued' })
  })

  test('for a job that nobody knows ends at once', async () => {
    expect(await open().wait(messageId(nowMs), 60_000, never)).toBeUndefined()
  })
})

describe('the file', () => {
  test('is cleaned of ended jobs and of keys after their time, and keeps what is still asked for', async () => {
    const store = open({ statusTtlMs: 1000, cleanEveryMs: 20 })
    const begin = async (key?: string): Promise<string> => {
      const id = idOf(await store.begin(request(key, { ttlMs: 5000 }))) ?? ''
      await store.stored(id)
      return id
    }
    const [ended, open1, keyed] = [await begin(), await begin(), await begin('k')]
    await store.update(ended, { state: 'completed' })
    await store.update(keyed, { state: 'completed' })
    nowMs += 1000
    await until('the ended job is gone', async () => (await store.get(ended)) === undefined)
    expect(await store.get(open1)).toMatchObject({ state: 'queued' })
    expect(await store.begin(request('k'))).toMatchObject({ outcome: 'known', job: { id: keyed } })
    nowMs += 5000
    await until('the key and its job are gone', async () => (await store.get(keyed)) === undefined)
  })

  test('leaves no lock behind, neither after an orderly end nor, at the next start, after a crash', async () => {
    const child = claimer(messageId(nowMs), 'k')
    await once(child.stdout ?? child, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = open()
    await store.begin(request('other'))
    expect((await readdir(join(folder, 'store'))).filter((name) => name.includes('-owner-'))).toHaveLength(1)
    await store.close()
    expect((await readdir(join(folder, 'store'))).filter((name) => name.includes('-owner-'))).toEqual([])
  })

  test('that is full refuses new keys before anything is published, still answers, and takes more once it has been cleaned', async () => {
    const store = open({ maxBytes: 400_000, cleanEveryMs: 20 })
    const ids: string[] = []
    const fill = async (): Promise<void> => {
      for (;;) {
        const id = idOf(await store.begin(request(undefined))) ?? ''
        ids.push(id)
        await store.update(id, { state: 'completed', result: { status: 200, contentType: 'text/plain', body: Buffer.alloc(5000) } })
        if (lines.length > 0) await store.begin(request(`k${ids.length}`))
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    expect(await store.get(ids[0] ?? '')).toMatchObject({ state: 'completed' })
    nowMs += 3_600_000
    await until('there is room again', async () => (await store.begin(request('k')).catch(() => undefined)) !== undefined)
    expect(lines.slice(0, 2)).toEqual(['the store for the status of messages cannot be used', 'the store for the status of messages works again'])
  })

  test('that cannot be used refuses new work, says so once, and is used again when it can be', async () => {
    const store = open()
    await store.begin(request('k'))
    await store.close()
    const blocked = join(folder, 'blocked')
    new DatabaseSync(blocked).close()
    path = join(blocked, 'jobs.db')
    const broken = open()
    await expect(broken.begin(request('k'))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE', status: 503, retryAfterSeconds: 5 })
    await expect(broken.begin(request('k'))).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    await broken.update(messageId(nowMs), { state: 'completed' })
    expect(lines).toEqual(['the store for the status of messages cannot be used'])
    await rm(blocked)
    nowMs += 2000
    expect(await broken.begin(request('k'))).toMatchObject({ outcome: 'new' })
    expect(lines).toEqual(['the store for the status of messages cannot be used', 'the store for the status of messages works again'])
  })
})
