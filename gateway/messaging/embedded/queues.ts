import type { DatabaseSync } from 'node:sqlite'
import type { QueueStats } from '../broker.ts'
import type { QueueSettings } from './operations.ts'
import { state } from './schema.ts'

/** A queue as the thread knows it: its number in the file, and what was declared. */
export interface Queue extends QueueSettings {
  readonly id: number
}

/** The declared queues of this process; others may have made more in the file. */
export interface Queues {
  declare(settings: readonly QueueSettings[]): void
  named(name: string): Queue | undefined
  declared(): Iterable<Queue>
  /** Number of any queue in the file. */
  idOf(name: string): number | undefined
  /** Whether so many more messages and bytes fit into the queue. */
  hasRoom(queue: Queue, messages: number, bytes: number): boolean
  stats(names: readonly string[]): readonly QueueStats[]
  committed(): void
  /** The whole transaction was undone. */
  undone(): void
}

export function queues(database: DatabaseSync): Queues {
  let byName: ReadonlyMap<string, Queue> = new Map()
  let stored = byName
  const upsert = database.prepare(
    'INSERT INTO queues (name, durable) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET durable = excluded.durable RETURNING id',
  )
  const find = database.prepare('SELECT id, depth, bytes, letters FROM queues WHERE name = ?')
  const used = database.prepare('SELECT depth, bytes FROM queues WHERE id = ?')
  const oldestIn = database.prepare('SELECT seq, published_at FROM messages WHERE queue = ? AND state = ? ORDER BY seq LIMIT 1')

  const oldestAtMs = (id: number): number | undefined => {
    const heads = Object.values(state)
      .map((each) => oldestIn.get(id, each))
      .filter((row) => row !== undefined)
    const oldest = heads.sort((one, other) => Number(one['seq']) - Number(other['seq']))[0]
    return oldest === undefined ? undefined : Number(oldest['published_at'])
  }
  const statsOf = (name: string): QueueStats => {
    const row = find.get(name)
    if (row === undefined) return { queue: name, depth: 0, oldestAtMs: undefined, deadLetters: 0 }
    return { queue: name, depth: Number(row['depth']), oldestAtMs: oldestAtMs(Number(row['id'])), deadLetters: Number(row['letters']) }
  }

  return {
    declare: (settings) => {
      const declared = settings.map((each) => ({ ...each, id: Number(upsert.get(each.name, each.durable ? 1 : 0)?.['id']) }))
      byName = new Map(declared.map((queue) => [queue.name, queue]))
    },
    named: (name) => byName.get(name),
    declared: () => byName.values(),
    idOf: (name) => {
      const id = find.get(name)?.['id']
      return id === undefined ? undefined : Number(id)
    },
    hasRoom: (queue, messages, bytes) => {
      if (queue.maxLength === Infinity && queue.maxBytes === Infinity) return true
      const row = used.get(queue.id)
      return Number(row?.['depth']) + messages <= queue.maxLength && Number(row?.['bytes']) + bytes <= queue.maxBytes
    },
    stats: (names) => names.map(statsOf),
    committed: () => {
      stored = byName
    },
    undone: () => {
      byName = stored
    },
  }
}
