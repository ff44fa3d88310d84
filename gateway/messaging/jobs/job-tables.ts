import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { beginning } from '../sqlite/database.ts'
import type { Job, JobState } from './job-store.ts'

const schemaVersion = 1

/** Several processes that start together make the tables one after the other. */
const busyMs = 5000

/**
 * Makes the tables where they are missing.
 *
 * `jobs.stored` is 1 when the message is known to be in its queue. `intents` has one row for each idempotency key; `owner` is empty when
 * nobody is storing its message at the moment.
 * @throws Error when another version of the gateway wrote the file in a shape that this one does not know.
 */
export function makeTables(database: DatabaseSync): void {
  const begin = beginning(database, busyMs)
  const known = (): boolean => {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version > schemaVersion) throw new Error(`the store has format ${version}, this version of the gateway knows ${schemaVersion}`)
    return version === schemaVersion
  }
  // Even a read can meet the lock of another process that opens the file at this moment.
  begin.read()
  const made = known()
  database.exec('COMMIT')
  if (made) return
  begin.write()
  database.exec(`
    CREATE TABLE IF NOT EXISTS jobs (
      id TEXT NOT NULL UNIQUE,
      queue TEXT NOT NULL,
      state TEXT NOT NULL,
      stored INTEGER NOT NULL,
      created_at_ms INTEGER NOT NULL,
      updated_at_ms INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      error_type TEXT,
      error_message TEXT,
      result_status INTEGER,
      result_type TEXT,
      result_body BLOB
    ) STRICT;
    CREATE INDEX IF NOT EXISTS jobs_expire ON jobs (expires_at_ms);
    CREATE TABLE IF NOT EXISTS intents (
      intent TEXT NOT NULL PRIMARY KEY,
      fingerprint TEXT NOT NULL,
      id TEXT NOT NULL,
      expires_at_ms INTEGER NOT NULL,
      owner TEXT NOT NULL,
      claimed_until_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS intents_expire ON intents (expires_at_ms);
    CREATE INDEX IF NOT EXISTS intents_id ON intents (id);
    PRAGMA user_version = ${schemaVersion};
  `)
  database.exec('COMMIT')
}

type Row = Readonly<Record<string, SQLOutputValue>>

/** A job as it crosses threads, where a Buffer arrives as plain bytes. */
export type StoredJob = Omit<Job, 'result'> & {
  readonly result: { readonly status: number; readonly contentType: string | undefined; readonly body: Uint8Array | undefined } | undefined
}

export function jobOfRow(row: Row): StoredJob {
  const { error_type: errorType, result_status: status, result_type: contentType, result_body: body } = row
  return {
    id: String(row['id']),
    queue: String(row['queue']),
    state: String(row['state']) as JobState,
    createdAtMs: Number(row['created_at_ms']),
    updatedAtMs: Number(row['updated_at_ms']),
    attempts: Number(row['attempts']),
    lastError: typeof errorType === 'string' ? { type: errorType, message: String(row['error_message']) } : undefined,
    result:
      typeof status === 'number'
        ? {
            status,
            contentType: typeof contentType === 'string' ? contentType : undefined,
            body: body instanceof Uint8Array ? body : undefined,
          }
        : undefined,
  }
}
