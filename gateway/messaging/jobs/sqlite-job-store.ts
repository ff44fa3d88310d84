import { extname } from 'node:path'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'
import type { JobOperations, JobProgramData } from './job-program.ts'
import { endedStates } from './job-store.ts'
import type { Begun, Job, JobStore } from './job-store.ts'
import type { StoredJob } from './job-tables.ts'
import { intentOf, storable } from './job-values.ts'
import { endOf, jobWaiters } from './job-waiters.ts'
import { storeThread } from './store-thread.ts'
import { statusRole } from './store-trouble.ts'

export interface SqliteJobStoreOptions {
  /** The file, absolute; made where it is missing. Several processes of one machine may use it. */
  readonly path: string
  /** How long a job can be asked for after it ended; `Infinity` for ever. */
  readonly statusTtlMs: number
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** How often expired jobs and keys are looked for, in milliseconds. Default 30,000. */
  readonly cleanEveryMs?: number
  /** The file grows no further; new requests are refused until jobs and keys expire. Default 16 GiB, some 15 million jobs. */
  readonly maxBytes?: number
}

const writes: ReadonlySet<keyof JobOperations> = new Set<keyof JobOperations>(['begin', 'stored', 'forget', 'update', 'clean'])

const defaultMaxBytes = 16 * 1024 ** 3

/** Statuses and idempotency keys in an SQLite file. Nothing is touched before the first call. */
export function sqliteJobStore(options: SqliteJobStoreOptions): JobStore {
  const { path, statusTtlMs, now, log, maxBytes = defaultMaxBytes } = options
  const store = storeThread<JobOperations>({
    program: new URL(`./job-program${extname(import.meta.url)}`, import.meta.url),
    path,
    data: { path, statusTtlMs, maxBytes } satisfies JobProgramData,
    writes,
    role: statusRole,
    log,
    now,
  })
  const waiters = jobWaiters({ version: () => store.call('version', undefined), endedOf: (ids) => store.call('ended', { ids }) })

  const clean = async (): Promise<void> => {
    while (!store.closed && (await store.call('stale', { nowMs: now() }))) await store.call('clean', { nowMs: now() })
  }
  // Failures are logged where they arise, and the next round tries again.
  const cleaning = setInterval(() => void clean().catch(() => undefined), options.cleanEveryMs ?? 30_000).unref()

  const get = async (id: string): Promise<Job | undefined> => {
    const job = await store.call('get', { id })
    return job === undefined ? undefined : jobOf(job)
  }

  return {
    begin: async ({ id, queue, idempotency }): Promise<Begun> => {
      const claim = idempotency && { intent: intentOf(idempotency), fingerprint: idempotency.fingerprint, ttlMs: idempotency.ttlMs }
      const begun = await store.call('begin', { id, queue, nowMs: now(), claim })
      return begun.outcome === 'known' ? { outcome: 'known', job: jobOf(begun.job) } : begun
    },
    stored: async (id) => jobOf(await store.call('stored', { id, nowMs: now() })),
    forget: (id) => store.call('forget', { id }),
    update: async (id, change) => {
      try {
        await store.call('update', { id, nowMs: now(), change: storable(change) })
        if (endedStates.has(change.state)) waiters.ended(id)
      } catch (error) {
        if (error instanceof GatewayError) return
        log.error({ err: error, message_id: id }, 'the status of a message could not be changed')
      }
    },
    get,
    wait: endOf(waiters, get),
    close: async () => {
      clearInterval(cleaning)
      waiters.close()
      await store.close()
    },
  }
}

function jobOf(job: StoredJob): Job {
  const { result } = job
  if (result === undefined) return { ...job, result: undefined }
  const { body } = result
  return { ...job, result: { ...result, body: body === undefined ? undefined : Buffer.from(body.buffer, body.byteOffset, body.byteLength) } }
}
