import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusy } from '../sqlite/store-error.ts'

/** A connection that nobody holds is closed by the garbage collector, and its lock with it, while the process still counts as alive. */
const held = new Set<DatabaseSync>()

/** Who uses a store file at this moment, as far as the operating system knows. */
export interface Owners {
  /** Of this connection; new after every start. */
  readonly own: string
  /** Whether the process behind `owner` still runs. */
  alive(owner: string): boolean
  close(): void
}

/**
 * Every owner holds a lock on a small file beside the store. The operating system takes the lock away when the process ends, however it
 * ends, and never before: neither clocks nor process ids, which are used again, decide who is dead. SQLite does the locking, because
 * Node has no call for it; nothing is ever written to these files.
 * @throws Error of the file system when the file cannot be made.
 */
export function owners(storePath: string): Owners {
  const prefix = `${storePath}-owner-`
  const { own, lock } = ownLock(prefix)
  held.add(lock)

  const alive = (owner: string): boolean => owner === own || isHeld(`${prefix}${owner}`)

  // What earlier processes left behind goes when it is looked at.
  for (const name of readdirSync(dirname(storePath))) {
    if (name.startsWith(basename(prefix))) alive(name.slice(basename(prefix).length))
  }
  return {
    own,
    alive,
    close: () => {
      rmSync(`${prefix}${own}`, { force: true })
      held.delete(lock)
      lock.close()
    },
  }
}

function ownLock(prefix: string): { readonly own: string; readonly lock: DatabaseSync } {
  for (;;) {
    const own = randomBytes(8).toString('hex')
    const path = `${prefix}${own}`
    closeSync(openSync(path, 'wx', 0o600))
    const lock = locked(path)
    // Between these two steps another process may have taken the file for one that was left behind.
    if (lock !== undefined && existsSync(path)) return { own, lock }
    lock?.close()
  }
}

/** The file with its lock; undefined while somebody else holds it. */
function locked(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    // A journal on the disk would be one more file to leave behind.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (isBusy(error)) return undefined
    throw error
  }
}

function isHeld(path: string): boolean {
  try {
    if (!existsSync(path)) return false
    const lock = locked(path)
    if (lock === undefined) return true
    // Removed while it is locked, so that nobody can take it over in between.
    rmSync(path, { force: true })
    lock.close()
    return false
  } catch {
    // Not known, so not dead: the time limit of its claims remains.
    return true
  }
}
