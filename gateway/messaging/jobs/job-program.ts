import type { ProgramOpener } from '../sqlite/program.ts'
import type { JobChange, JobState } from './job-store.ts'
import { endedStates } from './job-store.ts'
import { jobOfRow, makeTables } from './job-tables.ts'
import type { StoredJob } from './job-tables.ts'
import { claimLimitMs, openTtlMs, unstoredTtlMs } from './job-values.ts'
import { owners } from '../sqlite/owner-lock.ts'

/** Runs in the thread of the store. Times are milliseconds since the epoch, given by the caller. */
export interface JobOperations {
  readonly begin: { readonly request: BeginRequest; readonly answer: BeginAnswer }
  readonly stored: { readonly request: { readonly id: string; readonly nowMs: number }; readonly answer: StoredJob }
  readonly forget: { readonly request: { readonly id: string }; readonly answer: void }
  readonly update: { readonly request: { readonly id: string; readonly nowMs: number; readonly change: JobChange }; readonly answer: void }
  readonly get: { readonly request: { readonly id: string }; readonly answer: StoredJob | undefined }
  /** Number that changes when another connection has written. */
  readonly version: { readonly request: undefined; readonly answer: number }
  /** Those of `ids` that have ended. */
  readonly ended: { readonly request: { readonly ids: readonly string[] }; readonly answer: readonly string[] }
  /** Whether there is something for `clean`. */
  readonly stale: { readonly request: { readonly nowMs: number }; readonly answer: boolean }
  /** Removes a bounded number of what has expired. */
  readonly clean: { readonly request: { readonly nowMs: number }; readonly answer: void }
}

export interface BeginRequest {
  readonly id: string
  readonly queue: string
  readonly nowMs: number
  readonly claim: { readonly intent: string; readonly fingerprint: string; readonly ttlMs: number } | undefined
}

export type BeginAnswer =
  | { readonly outcome: 'new'; readonly id: string }
  | { readonly outcome: 'known'; readonly job: StoredJob }
  | { readonly outcome: 'in_progress' }
  | { readonly outcome: 'conflict' }

export interface JobProgramData {
  readonly path: string
  readonly statusTtlMs: number
  readonly maxBytes: number
}

const rowsPerCleaning = 500
const pagesPerCleaning = 256

export const open: ProgramOpener<JobOperations, JobProgramData> = (database, { path, statusTtlMs, maxBytes }) => {
  makeTables(database)
  const { page_size: pageBytes } = database.prepare('PRAGMA page_size').get() ?? {}
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / Number(pageBytes)))}`)
  const processes = owners(path)
  const keepMs = bounded(statusTtlMs)

  const insertJob = database.prepare(
    `INSERT INTO jobs (id, queue, state, stored, created_at_ms, updated_at_ms, expires_at_ms, attempts) VALUES (?, ?, 'queued', 0, ?, ?, ?, 0)
     ON CONFLICT (id) DO NOTHING`,
  )
  const selectJob = database.prepare('SELECT * FROM jobs WHERE id = ?')
  const selectIntent = database.prepare('SELECT * FROM intents WHERE intent = ?')
  const putIntent = database.prepare(
    'INSERT OR REPLACE INTO intents (intent, fingerprint, id, expires_at_ms, owner, claimed_until_ms) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const claimIntent = database.prepare('UPDATE intents SET owner = ?, claimed_until_ms = ? WHERE intent = ?')
  const freeIntent = database.prepare(`UPDATE intents SET owner = '', claimed_until_ms = 0 WHERE id = ? AND owner = ?`)
  const intentOf = database.prepare('SELECT 1 FROM intents WHERE id = ?')
  const dropUnstored = database.prepare('DELETE FROM jobs WHERE id = ? AND stored = 0')
  // A key without its job could not be answered. Jobs that only wait for their key would be met by every search for expired ones.
  const keyExpiresAtMs = 'coalesce((SELECT max(intents.expires_at_ms) FROM intents WHERE intents.id = jobs.id), 0)'
  const markStored = database.prepare(`UPDATE jobs SET stored = 1, expires_at_ms = max(expires_at_ms, ?, ${keyExpiresAtMs}) WHERE id = ?`)
  // Once its effect has happened a message is done, whatever becomes of further copies.
  const change = database.prepare(
    `UPDATE jobs SET stored = 1, state = ?, updated_at_ms = ?, expires_at_ms = max(?, ${keyExpiresAtMs}), attempts = coalesce(?, attempts), error_type = ?, error_message = ?,
     result_status = ?, result_type = ?, result_body = ? WHERE id = ? AND state <> 'completed'`,
  )
  const staleIntent = database.prepare('SELECT 1 FROM intents WHERE expires_at_ms <= ? LIMIT 1')
  const staleJob = database.prepare(
    'SELECT 1 FROM jobs WHERE expires_at_ms <= ? AND NOT EXISTS (SELECT 1 FROM intents WHERE intents.id = jobs.id) LIMIT 1',
  )
  const cleanIntents = database.prepare(
    `DELETE FROM intents WHERE intent IN (SELECT intent FROM intents WHERE expires_at_ms <= ? LIMIT ${rowsPerCleaning})`,
  )
  const cleanJobs = database.prepare(
    `DELETE FROM jobs WHERE rowid IN (SELECT rowid FROM jobs WHERE expires_at_ms <= ?
     AND NOT EXISTS (SELECT 1 FROM intents WHERE intents.id = jobs.id) LIMIT ${rowsPerCleaning})`,
  )
  const dataVersion = database.prepare('PRAGMA data_version')

  const make = ({ id, queue, nowMs, claim }: BeginRequest): BeginAnswer => {
    const keyExpiresMs = nowMs + bounded(claim?.ttlMs ?? 0)
    insertJob.run(id, queue, nowMs, nowMs, Math.max(nowMs + unstoredTtlMs, keyExpiresMs))
    if (claim !== undefined) putIntent.run(claim.intent, claim.fingerprint, id, keyExpiresMs, processes.own, nowMs + claimLimitMs)
    return { outcome: 'new', id }
  }

  const begin = (request: BeginRequest): BeginAnswer => {
    const { claim, nowMs, queue } = request
    const intent = claim === undefined ? undefined : selectIntent.get(claim.intent)
    if (claim === undefined || intent === undefined || Number(intent['expires_at_ms']) <= nowMs) return make(request)

    const id = String(intent['id'])
    const owner = String(intent['owner'])
    const same = intent['fingerprint'] === claim.fingerprint
    const job = selectJob.get(id)
    if (job?.['stored'] === 1) return same ? { outcome: 'known', job: jobOfRow(job) } : { outcome: 'conflict' }
    const held = owner !== '' && Number(intent['claimed_until_ms']) > nowMs && processes.alive(owner)
    if (held) return { outcome: same ? 'in_progress' : 'conflict' }
    // Given up in good order: the key may be used for anything. After a crash the message may be in its queue, so that another one is refused.
    if (!same) return owner === '' ? make(request) : { outcome: 'conflict' }
    claimIntent.run(processes.own, nowMs + claimLimitMs, claim.intent)
    insertJob.run(id, queue, nowMs, nowMs, Math.max(nowMs + unstoredTtlMs, Number(intent['expires_at_ms'])))
    return { outcome: 'new', id }
  }

  const update = (id: string, nowMs: number, { state, attempts, lastError, result }: JobChange): void => {
    const before = selectJob.get(id)
    if (before === undefined) return
    const error = state === 'completed' ? undefined : (lastError ?? jobOfRow(before).lastError)
    const expiresAtMs = nowMs + (hasEnded(state) ? keepMs : Math.max(keepMs, openTtlMs))
    const outcome = [result?.status ?? null, result?.contentType ?? null, result?.body ?? null] as const
    change.run(
      state,
      nowMs,
      Math.min(expiresAtMs, Number.MAX_SAFE_INTEGER),
      attempts ?? null,
      error?.type ?? null,
      error?.message ?? null,
      ...outcome,
      id,
    )
  }

  return {
    readOnly: ['get', 'version', 'ended', 'stale'],
    operations: {
      begin,
      stored: ({ id, nowMs }) => {
        markStored.run(Math.min(nowMs + Math.max(keepMs, openTtlMs), Number.MAX_SAFE_INTEGER), id)
        const row = selectJob.get(id)
        if (row === undefined) throw new Error(`no job ${id}`)
        return jobOfRow(row)
      },
      forget: ({ id }) => {
        freeIntent.run(id, processes.own)
        if (intentOf.get(id) === undefined) dropUnstored.run(id)
      },
      update: ({ id, nowMs, change: to }) => update(id, nowMs, to),
      get: ({ id }) => {
        const row = selectJob.get(id)
        return row === undefined || row['stored'] === 0 ? undefined : jobOfRow(row)
      },
      version: () => Number(dataVersion.get()?.['data_version']),
      ended: ({ ids }) => ids.filter((id) => hasEnded(selectJob.get(id)?.['state'] as JobState)),
      stale: ({ nowMs }) => staleIntent.get(nowMs) !== undefined || staleJob.get(nowMs) !== undefined,
      clean: ({ nowMs }) => {
        cleanIntents.run(nowMs)
        cleanJobs.run(nowMs)
        database.exec(`PRAGMA incremental_vacuum(${pagesPerCleaning})`)
      },
    },
    close: processes.close,
  }
}

const hasEnded = (state: JobState): boolean => endedStates.has(state)

/** SQLite has no Infinity; half of what is exact leaves room for adding the time of day. */
const bounded = (ms: number): number => Math.min(ms, Number.MAX_SAFE_INTEGER / 2)
