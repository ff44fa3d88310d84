import type { DatabaseSync } from 'node:sqlite'
import type { Owners as Locks } from '../sqlite/owner-lock.ts'
import { state } from './schema.ts'

/**
 * The brokers that use one file. Each holds a lock on a small file of its own for as long as it lives; the kernel drops it when the
 * process ends, however it ends. Whoever finds a lock free takes the owner for dead and gives back what it held.
 */
export interface Owners {
  readonly self: number
  /** Others whose lock is free; outside of transactions. */
  findDead(): readonly number[]
  /** Whether there is another owner, dead or alive. */
  others(): boolean
  /** Within a transaction. @returns Whether anything was given back. */
  bury(owner: number): boolean
  /** Within a transaction: this owner leaves, its unsettled deliveries go back as released. */
  leave(): void
}

/** Registers this broker, buries the dead ones, and purges queues that are not durable when nobody else is there; within a transaction. */
export function owners(database: DatabaseSync, locks: Locks): Owners {
  const all = database.prepare('SELECT id, lock FROM owners WHERE id <> ?')
  const known = database.prepare('SELECT 1 FROM owners WHERE id = ?')
  const inFlight = `owner = ? AND state = ${state.claimed} AND queue IN (SELECT id FROM queues)`
  const giveBack = database.prepare(`UPDATE messages SET state = ${state.ready}, owner = NULL WHERE ${inFlight}`)
  const release = database.prepare(`UPDATE messages SET state = ${state.ready}, owner = NULL, releases = releases + 1 WHERE ${inFlight}`)
  const endLeases = database.prepare('DELETE FROM leases WHERE owner = ?')
  const unsubscribe = database.prepare('DELETE FROM subscribers WHERE owner = ?')
  const remove = database.prepare('DELETE FROM owners WHERE id = ?')

  const self = Number(database.prepare('INSERT INTO owners (lock) VALUES (?)').run(locks.own).lastInsertRowid)
  const findDead = (): readonly number[] =>
    all
      .all(self)
      .filter((row) => !locks.alive(String(row['lock'])))
      .map((row) => Number(row['id']))
  const bury = (owner: number): boolean => {
    // Another process may have been quicker.
    if (known.get(owner) === undefined) return false
    const { changes } = giveBack.run(owner)
    const leases = endLeases.run(owner).changes
    unsubscribe.run(owner)
    remove.run(owner)
    return Number(changes) + Number(leases) > 0
  }
  const others = (): boolean => all.get(self) !== undefined

  for (const owner of findDead()) bury(owner)
  if (!others()) database.exec('DELETE FROM messages WHERE queue IN (SELECT id FROM queues WHERE durable = 0)')
  return {
    self,
    findDead,
    others,
    bury,
    leave: () => {
      release.run(self)
      endLeases.run(self)
      unsubscribe.run(self)
      remove.run(self)
    },
  }
}
