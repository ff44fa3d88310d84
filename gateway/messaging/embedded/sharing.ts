import type { DatabaseSync } from 'node:sqlite'

/**
 * Who takes messages from a queue, over all processes. The process that publishes sees a message first; with this it leaves a part of a
 * short queue to the others, who look every few milliseconds, instead of filling its prefetch while they stand idle.
 */
export interface Sharing {
  /** Within a transaction: this owner takes from the queue, or does no longer. Costs nothing when that is known. */
  enter(queue: number, takes: boolean): void
  /** Whether `enter` would write. */
  isUnsaid(queue: number, takes: boolean): boolean
  /** Owners that take from the queue, this one included; at least 1. */
  takers(queue: number): number
  /** The transaction was undone. */
  undone(): void
}

export function sharing(database: DatabaseSync, owner: number): Sharing {
  const insert = database.prepare('INSERT OR IGNORE INTO subscribers (queue, owner) VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM subscribers WHERE queue = ? AND owner = ?')
  const count = database.prepare('SELECT count(*) AS owners FROM subscribers WHERE queue = ?')
  const entered = new Map<number, boolean>()
  const isUnsaid = (queue: number, takes: boolean): boolean => (entered.get(queue) ?? false) !== takes
  return {
    enter: (queue, takes) => {
      if (!isUnsaid(queue, takes)) return
      if (takes) insert.run(queue, owner)
      else remove.run(queue, owner)
      entered.set(queue, takes)
    },
    isUnsaid,
    takers: (queue) => Math.max(1, Number(count.get(queue)?.['owners'])),
    // Said again by the next transaction; both statements may be repeated.
    undone: () => {
      for (const [queue, takes] of entered) entered.set(queue, !takes)
    },
  }
}
