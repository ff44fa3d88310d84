import type { DatabaseSync } from 'node:sqlite'
import { beginning } from '../messaging/sqlite/database.ts'
import { never } from './record-values.ts'

const format = 1

/** Several processes that start together make the tables one after the other. */
const busyMs = 5000

/**
 * Makes the tables where they are missing. The file may have tables of other stores, one of which numbers its format in the file itself:
 * therefore that of these is in a table.
 *
 * `record_counts` has a row for each kind and state, kept by triggers: counting the records would hold up everything else that wants the file.
 * @throws Error when another version of the gateway wrote them in a shape that this one does not know.
 */
export function makeTables(database: DatabaseSync): void {
  const begin = beginning(database, busyMs)
  begin.read()
  const made = isMade(database)
  database.exec('COMMIT')
  if (made) return
  begin.write()
  database.exec(`
    CREATE TABLE IF NOT EXISTS record_format (format INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS records (
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      grp TEXT NOT NULL,
      state TEXT NOT NULL,
      due_at_ms INTEGER NOT NULL,
      expires_at_ms INTEGER NOT NULL,
      created_at_ms INTEGER NOT NULL,
      version INTEGER NOT NULL,
      value TEXT NOT NULL,
      UNIQUE (kind, id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS records_due ON records (kind, due_at_ms) WHERE due_at_ms < ${never};
    CREATE INDEX IF NOT EXISTS records_expire ON records (expires_at_ms, kind, state) WHERE expires_at_ms < ${never};
    CREATE INDEX IF NOT EXISTS records_made ON records (kind, created_at_ms, id, state, grp, expires_at_ms);
    CREATE INDEX IF NOT EXISTS records_in_state ON records (kind, state, created_at_ms, id, grp, expires_at_ms);
    CREATE TABLE IF NOT EXISTS record_counts (
      kind TEXT NOT NULL,
      state TEXT NOT NULL,
      records INTEGER NOT NULL,
      PRIMARY KEY (kind, state)
    ) STRICT, WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS records_added AFTER INSERT ON records BEGIN ${count('new', 1)} END;
    CREATE TRIGGER IF NOT EXISTS records_removed AFTER DELETE ON records BEGIN ${count('old', -1)} END;
    CREATE TRIGGER IF NOT EXISTS records_moved AFTER UPDATE OF state ON records WHEN old.state <> new.state
    BEGIN ${count('old', -1)} ${count('new', 1)} END;
    INSERT INTO record_format SELECT ${format} WHERE NOT EXISTS (SELECT 1 FROM record_format);
  `)
  database.exec('COMMIT')
}

function isMade(database: DatabaseSync): boolean {
  if (database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'record_format'`).get() === undefined) return false
  const found = Number(database.prepare('SELECT format FROM record_format').get()?.['format'])
  if (found !== format) throw new Error(`the records have format ${found}, this version of the gateway knows ${format}`)
  return true
}

const count = (row: 'old' | 'new', by: 1 | -1): string =>
  `INSERT INTO record_counts (kind, state, records) VALUES (${row}.kind, ${row}.state, ${by})
   ON CONFLICT (kind, state) DO UPDATE SET records = records + (${by});`
