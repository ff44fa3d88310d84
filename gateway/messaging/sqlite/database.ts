import { closeSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './store-error.ts'

/** The log is cut back to this after a checkpoint, however far a burst made it grow. */
const journalLimitBytes = 64 * 1024 * 1024

const cacheKiB = 16 * 1024

/**
 * Opens the file for durable, shared use: write-ahead log, flushed at every commit, deleted pages given back in steps. Makes the
 * folder (mode 0700) and the file (mode 0600) where they are missing; the log beside it takes over the mode of the file.
 * @throws Error of node:sqlite or the file system.
 */
export function openDatabase(path: string, busyMs: number): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  makeFile(path)
  const database = new DatabaseSync(path, { timeout: busyMs })
  try {
    // Only takes effect in a file that has no tables yet, and must come before the switch to a log.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    database.exec(`PRAGMA cache_size = -${cacheKiB}`)
    database.exec(`PRAGMA journal_size_limit = ${journalLimitBytes}`)
    // From here on `beginning` waits for the lock: the delays of SQLite's own busy handler grow to 100 ms and starve the unlucky one.
    database.exec('PRAGMA busy_timeout = 0')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * What is stored in a file that somebody removed or replaced is there for nobody after the next start.
 * @returns Whether `path` still names the file that it names now.
 */
export function placeOf(path: string): () => boolean {
  const { dev, ino } = statSync(path, { bigint: true })
  return () => {
    const now = statSync(path, { bigint: true, throwIfNoEntry: false })
    return now?.ino === ino && now.dev === dev
  }
}

/** Never opens a file that is there: closing it would drop the locks that other connections of this process hold on it (POSIX). */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/**
 * Begins transactions on a file that other processes write too, with short random pauses between tries.
 * @returns `write` takes the lock, `read` only a snapshot. Both throw the busy error of SQLite after `busyMs`.
 */
export function beginning(database: DatabaseSync, busyMs: number): { write(): void; read(): void } {
  const immediate = database.prepare('BEGIN IMMEDIATE')
  const deferred = database.prepare('BEGIN')
  const snapshot = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const insist = (begin: () => void): void => {
    const end = performance.now() + busyMs
    for (;;) {
      try {
        begin()
        return
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        if (!isBusy(error) || performance.now() > end) throw error
        Atomics.wait(pause, 0, 0, 0.1 + Math.random())
      }
    }
  }
  return {
    write: () => insist(() => immediate.run()),
    read: () =>
      insist(() => {
        deferred.run()
        snapshot.get()
      }),
  }
}
