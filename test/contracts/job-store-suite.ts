import type { ChildProcess } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { messageId } from '../../gateway/messaging/jobs/message-id.ts'
import type { Begun, JobRequest, JobStore } from '../../gateway/messaging/jobs/job-store.ts'
import { until } from '../kit/until.ts'

/** A store of its own for one test. */
export interface JobStoreHarness {
  /** The store as one more process has it; closed by `stop`. */
  open(settings?: { readonly claimMs?: number }): JobStore
  /** Milliseconds since the epoch, as the stores are told. */
  now(): number
  /** Resolves when so much time has passed for the store. */
  pass(ms: number): Promise<void>
  /** How long a claim of a living process holds. */
  readonly claimMs: number
  /** Another process that claims and then does nothing more; resolves when it has claimed. */
  claimer(request: JobRequest): Promise<ChildProcess>
  /** What the stores have logged as errors. */
  readonly errors: readonly string[]
  stop(): Promise<void>
}

const idOf = (begun: Begun): string | undefined => (begun.outcome === 'new' ? begun.id : begun.outcome === 'known' ? begun.job.id : undefined)

const never = new AbortController().signal

/** The cases that every store of statuses and idempotency keys passes. @param setup Makes a new one for every test. */
export function describeJobStore(name: string, setup: () => Promise<JobStoreHarness>): void {
  describe(`the contract of a job store, kept by ${name}`, () => {
    let harness: JobStoreHarness
    beforeEach(async () => {
      harness = await setup()
    })
    afterEach(() => harness.stop())

    const open = (): JobStore => harness.open()
    const now = (): number => harness.now()
    const request = (key?: string, of: { readonly fingerprint?: string; readonly scope?: string; readonly ttlMs?: number } = {}): JobRequest => {
      const { fingerprint = 'f', scope = 'route', ttlMs = 3_600_000 } = of
      return { id: messageId(now()), queue: 'orders', idempotency: key === undefined ? undefined : { scope, key, fingerprint, ttlMs } }
    }

    describe('a job', () => {
      test('can be asked for once its message is stored, and not before', async () => {
        const store = open()
        const { id } = request()
        await store.begin({ id, queue: 'orders', idempotency: undefined })
        expect(await store.get(id)).toBeUndefined()
        const job = {
          id,
          queue: 'orders',
          state: 'queued',
          createdAtMs: now(),
          updatedAtMs: now(),
          attempts: 0,
          lastError: undefined,
          result: undefined,
        }
        expect(await store.stored(id)).toEqual(job)
        expect(await store.get(id)).toEqual(job)
      })

      test('shows what happened to it, and keeps its result', async () => {
        const store = open()
        const { id } = request()
        await store.begin({ id, queue: 'orders', idempotency: undefined })
        await store.stored(id)
        await harness.pass(5)
        await store.update(id, { state: 'queued', attempts: 3, lastError: { type: 'status_503', message: 'x'.repeat(900) } })
        expect(await store.get(id)).toMatchObject({ state: 'queued', attempts: 3, updatedAtMs: now(), lastError: { message: 'x'.repeat(500) } })
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
        await store.update(messageId(now()), { state: 'completed' })
        expect(harness.errors).toEqual([])
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
        const id = idOf(await store.begin(request('k', { ttlMs: 500 }))) ?? ''
        await store.stored(id)
        await harness.pass(500)
        const again = await store.begin(request('k', { fingerprint: 'other' }))
        expect(again.outcome).toBe('new')
        expect(idOf(again)).not.toBe(id)
      })

      test('is taken over from a living process that neither stores nor gives up', async () => {
        const { claimMs } = harness
        const [one, two] = [harness.open({ claimMs }), harness.open({ claimMs })]
        const id = idOf(await one.begin(request('k')))
        expect(await two.begin(request('k'))).toEqual({ outcome: 'in_progress' })
        await harness.pass(claimMs)
        expect(await two.begin(request('k'))).toEqual({ outcome: 'new', id })
      })

      test('claimed by a process that was killed is taken over, under the id of then, and by the same request only', async () => {
        const claimed = request('k')
        const child = await harness.claimer(claimed)
        const store = open()
        expect(await store.begin(request('k'))).toEqual({ outcome: 'in_progress' })
        child.kill('SIGKILL')
        expect(await store.begin(request('k', { fingerprint: 'other' }))).toEqual({ outcome: 'conflict' })
        let begun: Begun = { outcome: 'in_progress' }
        await until('the claim is free', async () => {
          begun = await store.begin(request('k'))
          return begun.outcome !== 'in_progress'
        })
        expect(begun).toEqual({ outcome: 'new', id: claimed.id })
      })

      test('of a publish that failed stays with whoever took it over, whatever the first does then', async () => {
        const [one, two] = [open(), open()]
        const id = idOf(await one.begin(request('k'))) ?? ''
        await one.forget(id)
        expect(idOf(await two.begin(request('k')))).toBe(id)
        await one.forget(id)
        expect(await one.begin(request('k'))).toEqual({ outcome: 'in_progress' })
      })

      test('survives a restart together with its job', async () => {
        const before = open()
        const id = idOf(await before.begin(request('k'))) ?? ''
        await before.stored(id)
        await before.close()
        expect(await open().begin(request('k'))).toMatchObject({ outcome: 'known', job: { id } })
      })
    })

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
        expect(await open().wait(messageId(now()), 60_000, never)).toBeUndefined()
      })
    })
  })
}
