import type { DatabaseSync } from 'node:sqlite'
import { beginning } from './database.ts'
import type { OperationsOf, SqliteProgram } from './program.ts'
import type { Answer, Call } from './protocol.ts'
import { failureOf } from './store-error.ts'
import type { StoreFailure } from './store-error.ts'

/** What came of one transaction. `failure`: nothing of it was stored, and every answer says so. */
export interface Batch {
  readonly answers: readonly Answer[]
  readonly failure: StoreFailure | undefined
}

/** Runs calls, and work that nobody called for, in one transaction. */
export type Transactions = (calls: readonly Call[], writes: readonly (() => void)[]) => Batch

/**
 * Group commit: each operation stands in a savepoint, so that one that throws is undone alone; one commit, hence one flush, for all.
 * Never throws.
 */
export function transactions<Operations extends OperationsOf<Operations>>(
  database: DatabaseSync,
  program: SqliteProgram<Operations>,
  busyMs: number,
): Transactions {
  const begin = beginning(database, busyMs)
  const commit = database.prepare('COMMIT')
  const savepoint = database.prepare('SAVEPOINT operation')
  const release = database.prepare('RELEASE operation')
  const undo = database.prepare('ROLLBACK TO operation')
  const operations = new Map<string, (request: never) => unknown>(Object.entries(program.operations))
  const readOnly = new Set<PropertyKey>(program.readOnly)

  const run = (call: Call): Answer => {
    const operation = operations.get(call.operation)
    if (operation === undefined) return { id: call.id, ok: false, failure: { kind: 'operation', message: `no operation ${call.operation}` } }
    savepoint.run()
    try {
      const value = operation(call.request as never)
      release.run()
      return { id: call.id, ok: true, value }
    } catch (error) {
      // SQLite ends the whole transaction by itself after a full disk or a failed write.
      if (!database.isTransaction) throw error
      undo.run()
      release.run()
      program.rolledBack?.()
      return { id: call.id, ok: false, failure: failureOf(error) }
    }
  }

  return (calls, writes) => {
    const reads = writes.length === 0 && calls.every((call) => readOnly.has(call.operation))
    try {
      if (reads) begin.read()
      else begin.write()
      for (const write of writes) write()
      const answers = calls.map(run)
      if (!reads) program.beforeCommit?.()
      commit.run()
      if (!reads) program.committed?.()
      return { answers, failure: undefined }
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      program.rolledBack?.()
      const failure = failureOf(error)
      return { answers: calls.map((call) => ({ id: call.id, ok: false, failure })), failure }
    }
  }
}
