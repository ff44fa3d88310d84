import { beginning } from '../sqlite/database.ts'
import type { ProgramOpener } from '../sqlite/program.ts'
import { owners as ownerLocks } from '../sqlite/owner-lock.ts'
import { claims } from './claims.ts'
import { departures } from './departures.ts'
import { letters } from './letters.ts'
import { messages } from './messages.ts'
import { readOnlyOperations } from './operations.ts'
import type { BrokerData, BrokerEvent, BrokerOperations } from './operations.ts'
import { owners } from './owners.ts'
import { queues } from './queues.ts'
import { prepareSchema } from './schema.ts'
import { upkeep } from './upkeep.ts'

/** How long another process may hold the write lock while this one opens the file. */
const openBusyMs = 5000

/** What the thread of an embedded broker runs: every operation stands in a transaction, `claim` ends each of them. */
export const open: ProgramOpener<BrokerOperations, BrokerData, BrokerEvent> = (database, data, emit, again) => {
  let clockAheadMs = data.clockAheadMs
  let commits = 0
  const now = (): number => Math.trunc(Date.now() + clockAheadMs)
  const begin = beginning(database, openBusyMs)
  const write = <Result>(work: () => Result): Result => {
    begin.write()
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
  write(() => prepareSchema(database))
  const locks = ownerLocks(data.path)
  const everyone = write(() => owners(database, locks))
  const known = queues(database)
  const stored = messages(database)
  const parked = letters(database, known, stored)
  const leaving = departures(stored, now, emit)
  const held = claims({ database, queues: known, messages: stored, departures: leaving, owner: everyone.self, now, emit, again })
  const probe = database.prepare('UPDATE owners SET lock = lock WHERE id = ?')

  return {
    operations: {
      declare: known.declare,
      publish: ({ queues: names, exchange, routingKey, message }) => {
        const targets = names.map((name) => {
          const queue = known.named(name)
          if (queue === undefined) throw new Error(`queue ${name} was not declared`)
          return queue
        })
        if (!targets.every((queue) => known.hasRoom(queue, 1, message.body.length))) return 'full'
        for (const { id } of targets) stored.add(id, { exchange, routingKey }, message, now())
        return 'stored'
      },
      subscribe: held.subscribe,
      flow: ({ subscription, paused }) => held.pause(subscription, paused),
      unsubscribe: held.unsubscribe,
      settle: ({ seq, settlement }) => held.settle(seq, settlement),
      giveBack: held.giveBack,
      stats: known.stats,
      clock: (aheadMs) => {
        clockAheadMs = aheadMs
        again(0)
      },
      probe: () => {
        probe.run(everyone.self)
      },
      newestLetter: parked.newest,
      letters: parked.page,
      letter: ({ queue, id }) => parked.one(queue, id),
      replay: (request) => parked.replay(request, now()),
      drop: parked.drop,
    },
    readOnly: readOnlyOperations,
    beforeCommit: held.claim,
    committed: () => {
      commits += 1
      held.committed()
      known.committed()
    },
    rolledBack: () => {
      // One operation undone has changed nothing in memory: each does that last.
      if (database.isTransaction) return
      held.undone()
      known.undone()
    },
    tick: upkeep({
      database,
      owners: everyone,
      queues: known,
      messages: stored,
      claims: held,
      departures: leaving,
      now,
      commits: () => commits,
      again,
    }),
    close: () => {
      // When the file cannot be written any more, the lock that ends here says the same to the others, if less kindly.
      try {
        write(everyone.leave)
      } finally {
        locks.close()
      }
    },
  }
}
