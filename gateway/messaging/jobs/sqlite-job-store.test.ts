import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeJobStore } from '../../../test/contracts/job-store-suite.ts'
import { until } from '../../../test/kit/until.ts'
import { claimLimitMs } from './job-values.ts'
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

/** Another process that claims a key and then does nothing more. */
async function claimer(claimed: JobRequest): Promise<ChildProcess> {
  const store = new URL('sqlite-job-store.ts', import.meta.url).href
  const program = `
    import { sqliteJobStore } from ${JSON.stringify(store)}
    const line = () => undefined
    const log = { debug: line, info: line, warn: line, error: line }
    const store = sqliteJobStore({ path: ${JSON.stringify(path)}, statusTtlMs: 60000, log, now: () => ${nowMs} })
    await store.begin(${JSON.stringify(claimed)})
    process.stdout.write('claimed')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  await once(child.stdout, 'data')
  return child
}

const beginAnew = async (): Promise<void> => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-jobs-'))
  path = join(folder, 'store', 'jobs.db')
  nowMs = 1_700_000_000_000
  stores = []
  lines = []
  children = []
}

const end = async (): Promise<void> => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(stores.map((store) => store.close()))
  await rm(folder, { recursive: true, force: true })
}

describeJobStore('an SQLite file', async () => {
  await beginAnew()
  return {
    open: () => open(),
    now: () => nowMs,
    pass: (ms) => {
      nowMs += ms
      return Promise.resolve()
    },
    claimMs: claimLimitMs,
    claimer,
    errors: lines,
    stop: end,
  }
})

describe('the file', () => {
  beforeEach(beginAnew)
  afterEach(end)

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

  test('frees the claim of a process that was killed at once', async () => {
    const claimed = request('k')
    const child = await claimer(claimed)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    expect(await open().begin(request('k'))).toEqual({ outcome: 'new', id: claimed.id })
  })

  test('leaves no lock behind, neither after an orderly end nor, at the next start, after a crash', async () => {
    const child = await claimer(request('k'))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = open()
    await store.begin(request('other'))
    expect((await readdir(join(folder, 'store'))).filter((name) => name.includes('-owner-'))).toHaveLength(1)
    await store.close()
    expect((await readdir(join(folder, 'store'))).filter((name) => name.includes('-owner-'))).toEqual([])
  })

  test('has no expired jobs that only wait for their key', async () => {
    const store = open({ statusTtlMs: 1000 })
    const key = (name: string): JobRequest => request(name, { ttlMs: 86_400_000 })
    for (const name of ['open', 'stored', 'ended']) {
      const id = idOf(await store.begin(key(name))) ?? ''
      if (name !== 'open') await store.stored(id)
      if (name === 'ended') await store.update(id, { state: 'completed' })
    }
    const database = new DatabaseSync(path, { readOnly: true })
    const [earliest] = database.prepare('SELECT count(*) AS jobs, min(expires_at_ms) AS at FROM jobs').all()
    database.close()
    expect(earliest?.['jobs']).toBe(3)
    expect(earliest?.['at']).toBeGreaterThanOrEqual(nowMs + 86_400_000)
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
