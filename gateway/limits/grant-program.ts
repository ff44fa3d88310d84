import { beginning } from '../messaging/sqlite/database.ts'
import type { ProgramOpener } from '../messaging/sqlite/program.ts'
import type { Demand, Grants } from './grant-log.ts'

/**
 * Runs in the thread of the store. Times are those of this machine's clock, which all processes that share the file have in common, read when the
 * lock is held: a grant that had to wait for it must not look older than it is.
 */
export interface GrantOperations {
  readonly take: { readonly request: TakeRequest; readonly answer: Grants }
}

export interface TakeRequest {
  readonly bucket: string
  readonly process: string
  readonly limit: number
  readonly windowMs: number
  /** A process that waits and was not heard of for so long has died. */
  readonly deadMs: number
  /** Grants that were given without the store. */
  readonly made: number
  readonly demand: Demand
}

const busyMs = 5000

/** Free, but kept for others: they will come for it soon. */
const keptMs = 50

export const open: ProgramOpener<GrantOperations> = (database) => {
  const begin = beginning(database, busyMs)
  begin.write()
  database.exec(`
    CREATE TABLE IF NOT EXISTS limit_grants (bucket TEXT NOT NULL, at_ms INTEGER NOT NULL, grants INTEGER NOT NULL, PRIMARY KEY (bucket, at_ms))
      STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS limit_waiting (
      bucket TEXT NOT NULL, process TEXT NOT NULL, p0 INTEGER NOT NULL, p1 INTEGER NOT NULL, p2 INTEGER NOT NULL, until_ms INTEGER NOT NULL,
      PRIMARY KEY (bucket, process)
    ) STRICT, WITHOUT ROWID;
  `)
  database.exec('COMMIT')
  const last = database.prepare('SELECT max(at_ms) AS at_ms FROM limit_grants WHERE bucket = ?')
  const expire = database.prepare('DELETE FROM limit_grants WHERE bucket = ? AND at_ms <= ?')
  const add = database.prepare(
    'INSERT INTO limit_grants (bucket, at_ms, grants) VALUES (?, ?, ?) ON CONFLICT (bucket, at_ms) DO UPDATE SET grants = grants + excluded.grants',
  )
  const grantsOf = database.prepare('SELECT at_ms, grants FROM limit_grants WHERE bucket = ? ORDER BY at_ms')
  const bury = database.prepare('DELETE FROM limit_waiting WHERE bucket = ? AND (process = ? OR until_ms < ?)')
  const others = database.prepare('SELECT sum(p0) AS p0, sum(p1) AS p1 FROM limit_waiting WHERE bucket = ?')
  const wait = database.prepare('INSERT INTO limit_waiting (bucket, process, p0, p1, p2, until_ms) VALUES (?, ?, ?, ?, ?, ?)')

  const take = ({ bucket, process, limit, windowMs, deadMs, made, demand }: TakeRequest): Grants => {
    const clockMs = Date.now()
    // Rounded up, so that a window is never too short. A clock that was set back stands still until it has caught up.
    const atMs = Math.max(clockMs + 1, Number(last.get(bucket)?.['at_ms'] ?? 0))
    expire.run(bucket, atMs - 1 - windowMs)
    bury.run(bucket, process, clockMs)
    if (made > 0) add.run(bucket, atMs, made)
    const before = grantsOf.all(bucket).map((row) => ({ atMs: Number(row['at_ms']), grants: Number(row['grants']) }))
    const known = others.get(bucket)
    const [urgent, normal] = [Number(known?.['p0'] ?? 0), Number(known?.['p1'] ?? 0)]

    const used = before.reduce((sum, { grants }) => sum + grants, 0)
    let free = limit - used
    const some = (wanted: number, kept: number): number => {
      const granted = Math.max(0, Math.min(wanted, free - kept))
      free -= granted
      return granted
    }
    const granted: Demand = [some(demand[0], 0), some(demand[1], urgent), some(demand[2], urgent + normal)]
    const count = granted[0] + granted[1] + granted[2]
    if (count > 0) add.run(bucket, atMs, count)
    const left: Demand = [demand[0] - granted[0], demand[1] - granted[1], demand[2] - granted[2]]
    if (left[0] + left[1] + left[2] === 0) return { granted, nextInMs: 0 }
    wait.run(bucket, process, ...left, clockMs + deadMs)
    if (free > 0) return { granted, nextInMs: keptMs }
    // One is free when so many have expired that less than the limit is left.
    let over = used + count - limit
    const next = [...before, { atMs, grants: count }].find(({ grants }) => {
      over -= grants
      return over < 0
    })
    return { granted, nextInMs: Math.max(1, (next?.atMs ?? atMs) + windowMs - clockMs) }
  }
  return { operations: { take } }
}
