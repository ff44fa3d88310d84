import type { PostgresqlPool, Statements } from './postgresql-pool.ts'
import { never } from './record-values.ts'

const format = 'headgate records, format 1'

/**
 * Makes the table where it is missing; of several gateways that start together one does, the others wait for it. Where it is there already the
 * user needs no right to make tables. The comment on the table says in which format it is.
 * @throws {GatewayError} STATE_UNAVAILABLE; in the log: another version of the gateway has made it in a format that this one does not know.
 */
export async function makeTable(pool: PostgresqlPool, table: string): Promise<void> {
  if (await pool.transaction((statements) => isMade(statements, table))) return
  await pool.transaction(async (statements) => {
    await statements.run('SELECT pg_advisory_xact_lock(hashtext($1))', [`headgate ${table}`])
    if (await isMade(statements, table)) return
    for (const step of steps(table)) await statements.run(step)
  })
}

async function isMade({ run }: Statements, table: string): Promise<boolean> {
  // Not by `to_regclass`: within one transaction it goes on saying what it has said before.
  const [row] = await run(
    `SELECT current_setting('server_encoding') AS encoding, oid, obj_description(oid, 'pg_class') AS comment
     FROM (SELECT 1) AS always LEFT JOIN pg_class ON relname = $1 AND pg_table_is_visible(oid)`,
    [table],
  )
  if (row?.['encoding'] !== 'UTF8') throw new Error(`the database has the encoding ${String(row?.['encoding'])} instead of UTF8`)
  if (row['oid'] === null) return false
  if (row['comment'] !== format) throw new Error(`the table ${table} has not the format of this version of the gateway, "${format}"`)
  return true
}

/** Texts compare by their bytes, whatever the language of the server: the order of a list must not depend on it. */
const steps = (table: string): readonly string[] => [
  `CREATE TABLE "${table}" (
     kind text COLLATE "C" NOT NULL,
     id text COLLATE "C" NOT NULL,
     grp text COLLATE "C" NOT NULL,
     state text COLLATE "C" NOT NULL,
     due_at_ms bigint NOT NULL,
     expires_at_ms bigint NOT NULL,
     created_at_ms bigint NOT NULL,
     version bigint NOT NULL,
     value text NOT NULL,
     PRIMARY KEY (kind, id)
   )`,
  `CREATE INDEX "${table}_due" ON "${table}" (kind, due_at_ms) WHERE due_at_ms < ${never}`,
  `CREATE INDEX "${table}_expire" ON "${table}" (expires_at_ms) WHERE expires_at_ms < ${never}`,
  `CREATE INDEX "${table}_made" ON "${table}" (kind, created_at_ms, id)`,
  `CREATE INDEX "${table}_in_state" ON "${table}" (kind, state, created_at_ms, id)`,
  `COMMENT ON TABLE "${table}" IS '${format}'`,
]
