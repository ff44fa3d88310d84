import type { ProgramOpener } from '../program.ts'

/** A program for the tests of the thread: a table of numbers. */
export interface NumberOperations {
  readonly add: { readonly request: number; readonly answer: void }
  readonly addThenFail: { readonly request: number; readonly answer: void }
  readonly list: { readonly request: undefined; readonly answer: readonly number[] }
  readonly commits: { readonly request: undefined; readonly answer: number }
  readonly limitPages: { readonly request: number; readonly answer: void }
  readonly fill: { readonly request: Uint8Array; readonly answer: void }
  readonly die: { readonly request: undefined; readonly answer: void }
}

export interface NumberSettings {
  readonly tickMs: number
}

export const open: ProgramOpener<NumberOperations, NumberSettings | undefined, string> = (database, settings, emit) => {
  database.exec('CREATE TABLE IF NOT EXISTS numbers (value INTEGER, filler BLOB)')
  const insert = database.prepare('INSERT INTO numbers (value, filler) VALUES (?, ?)')
  const select = database.prepare('SELECT value FROM numbers WHERE filler IS NULL ORDER BY rowid')
  let commits = 0
  return {
    operations: {
      add: (value) => {
        insert.run(value, null)
        emit(`added ${value}`)
      },
      addThenFail: (value) => {
        insert.run(value, null)
        throw new Error('refused')
      },
      list: () => select.all().map((row) => Number(row['value'])),
      commits: () => commits,
      limitPages: (pages) => {
        database.exec(`PRAGMA max_page_count = ${pages}`)
      },
      fill: (filler) => {
        insert.run(0, filler)
      },
      die: () => {
        setImmediate(() => {
          throw new Error('died')
        })
      },
    },
    readOnly: ['list', 'commits'],
    beforeCommit: () => {
      commits += 1
    },
    ...(settings === undefined
      ? {}
      : {
          tick: () => ({
            againMs: settings.tickMs,
            write: () => {
              insert.run(-1, null)
            },
          }),
        }),
  }
}
