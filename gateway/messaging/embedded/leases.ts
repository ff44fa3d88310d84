import type { DatabaseSync } from 'node:sqlite'

/** Which subscription of which owner has an exclusive queue to itself. The lease ends with the subscription, or with its owner. */
export interface Leases {
  /** Whether `take` would succeed. */
  isOpenTo(queue: number, subscription: number): boolean
  /** Within a transaction. @returns Whether the subscription has the queue now. */
  take(queue: number, subscription: number, consumer: string): boolean
  /** Within a transaction. */
  end(queue: number, subscription: number): void
}

export function leases(database: DatabaseSync, owner: number): Leases {
  const find = database.prepare('SELECT owner, subscription FROM leases WHERE queue = ?')
  const insert = database.prepare('INSERT INTO leases (queue, owner, subscription, consumer) VALUES (?, ?, ?, ?)')
  const remove = database.prepare('DELETE FROM leases WHERE queue = ? AND owner = ? AND subscription = ?')

  const holder = (queue: number, subscription: number): 'nobody' | 'self' | 'another' => {
    const lease = find.get(queue)
    if (lease === undefined) return 'nobody'
    return Number(lease['owner']) === owner && Number(lease['subscription']) === subscription ? 'self' : 'another'
  }
  return {
    isOpenTo: (queue, subscription) => holder(queue, subscription) !== 'another',
    take: (queue, subscription, consumer) => {
      const current = holder(queue, subscription)
      if (current === 'nobody') insert.run(queue, owner, subscription, consumer)
      return current !== 'another'
    },
    end: (queue, subscription) => {
      remove.run(queue, owner, subscription)
    },
  }
}
