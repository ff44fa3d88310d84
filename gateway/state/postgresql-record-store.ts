import { GatewayError } from '../errors.ts'
import { timeLimited } from '../messaging/jobs/redis/time-limit.ts'
import { postgresqlPool } from './postgresql-pool.ts'
import type { PostgresqlPoolOptions, Row } from './postgresql-pool.ts'
import { makeTable } from './postgresql-tables.ts'
import type { RecordStore } from './record-store.ts'
import { checkRecord, never, page, recordOf, storedMs, storedText, textOf } from './record-values.ts'

export interface PostgresqlRecordStoreOptions extends PostgresqlPoolOptions {
  /** How often expired records are looked for, in milliseconds. Default 30,000. */
  readonly cleanEveryMs?: number
}

const rowsPerCleaning = 500

/** Of the server, so that gateways with different clocks agree on what is over. */
const now = `floor(extract(epoch from statement_timestamp()) * 1000)::bigint`

/**
 * Records in one table of PostgreSQL, shared by gateways on many machines. Each step is one statement of its own. Nothing is connected before
 * the first call.
 */
export function postgresqlRecordStore(options: PostgresqlRecordStoreOptions): RecordStore {
  const { config, cleanEveryMs = 30_000 } = options
  const pool = postgresqlPool(options)
  const name = `${config.tablePrefix}records`
  const table = `"${name}"`
  const changes = new Set<Promise<unknown>>()
  let closed = false

  let made: Promise<void> | undefined
  const ready = async (): Promise<void> => {
    made ??= makeTable(pool, name)
    const making = made
    try {
      await making
    } catch (error) {
      if (made === making) made = undefined
      // Nothing of what was asked for has left.
      throw error instanceof GatewayError && error.sent ? notSent(error) : error
    }
  }

  const ask = async (text: string, values: readonly (string | number | null)[]): Promise<readonly Row[]> => {
    await ready()
    return pool.run(text, values)
  }
  const change = async (text: string, values: readonly (string | number | null)[]): Promise<readonly Row[]> => {
    const changed = ask(text, values)
    changes.add(changed)
    try {
      const rows = await changed
      pool.works()
      return rows
    } finally {
      changes.delete(changed)
    }
  }

  const clean = async (): Promise<void> => {
    // Rows that another gateway is cleaning are left to it.
    const text = `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM ${table} WHERE expires_at_ms <= ${now} LIMIT ${rowsPerCleaning} FOR UPDATE SKIP LOCKED)) RETURNING 1`
    while (!closed && made !== undefined && (await change(text, [])).length === rowsPerCleaning);
  }
  // Failures are logged where they arise, and the next round tries again.
  const cleaning = setInterval(() => void clean().catch(() => undefined), cleanEveryMs).unref()

  return {
    get: async (kind, id) => {
      const [row] = await ask(`SELECT * FROM ${table} WHERE kind = $1 AND id = $2 AND expires_at_ms > ${now}`, [kind, storedText(id)])
      return row && recordOf(row)
    },
    put: async (record, expected) => {
      checkRecord(record)
      const { kind, id, group, state, dueAtMs, expiresAtMs, createdAtMs, value } = record
      const key = [kind, storedText(id)]
      const content = [storedText(group), storedText(state), storedMs(dueAtMs), storedMs(expiresAtMs), value]
      const rows =
        expected === 0
          ? // What has expired counts as none, whether it is still there or not.
            await change(
              `INSERT INTO ${table} AS known (kind, id, grp, state, due_at_ms, expires_at_ms, value, created_at_ms, version)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
               ON CONFLICT (kind, id) DO UPDATE SET grp = excluded.grp, state = excluded.state, due_at_ms = excluded.due_at_ms,
               expires_at_ms = excluded.expires_at_ms, value = excluded.value, created_at_ms = excluded.created_at_ms, version = 1
               WHERE known.expires_at_ms <= ${now} RETURNING version`,
              [...key, ...content, storedMs(createdAtMs)],
            )
          : await change(
              `UPDATE ${table} SET grp = $3, state = $4, due_at_ms = $5, expires_at_ms = $6, value = $7, version = version + 1
               WHERE kind = $1 AND id = $2 AND version = $8 AND expires_at_ms > ${now} RETURNING version`,
              [...key, ...content, expected],
            )
      const version = rows[0]?.['version']
      return version === undefined ? undefined : Number(version)
    },
    remove: async (kind, id, expected) => {
      const text = `DELETE FROM ${table} WHERE kind = $1 AND id = $2 AND version = $3 AND expires_at_ms > ${now} RETURNING 1`
      return (await change(text, [kind, storedText(id), expected])).length > 0
    },
    due: async (kind, dueMs, limit) => {
      const text = `SELECT * FROM ${table} WHERE kind = $1 AND due_at_ms <= $2 AND due_at_ms < ${never} AND expires_at_ms > ${now}
        ORDER BY due_at_ms LIMIT $3`
      return (await ask(text, [kind, storedMs(dueMs), limit])).map(recordOf)
    },
    list: (kind, query) => {
      const [group, state] = [query.group, query.state].map((text) => (text === undefined ? null : storedText(text)))
      const text = `SELECT * FROM ${table} WHERE kind = $1 AND (created_at_ms, id) < ($2, $3) AND expires_at_ms > ${now}
        ${group === null ? 'AND $4::text IS NULL' : 'AND grp = $4'} ${state === null ? 'AND $5::text IS NULL' : 'AND state = $5'}
        ORDER BY created_at_ms DESC, id DESC LIMIT $6`
      return page(query, async (after, length) => {
        const records = (await ask(text, [kind, after.createdAtMs, after.id, group ?? null, state ?? null, length])).map(recordOf)
        const last = records.length < length ? undefined : records.at(-1)
        return { records, after: last && { createdAtMs: storedMs(last.createdAtMs), id: storedText(last.id) } }
      })
    },
    counts: async (kind) => {
      // The first count needs nothing but an index; what has expired is little.
      const text = `SELECT state, sum(records) AS records FROM (
          SELECT state, count(*) AS records FROM ${table} WHERE kind = $1 GROUP BY state
          UNION ALL
          SELECT state, -count(*) FROM ${table} WHERE kind = $1 AND expires_at_ms <= ${now} GROUP BY state
        ) AS counted GROUP BY state HAVING sum(records) > 0`
      return Object.fromEntries((await ask(text, [kind])).map((row) => [textOf(String(row['state'])), Number(row['records'])]))
    },
    close: async () => {
      closed = true
      clearInterval(cleaning)
      await timeLimited(Promise.allSettled(changes), config.queryTimeoutMs).catch(() => undefined)
      await pool.close()
    },
  }
}

const notSent = ({ code, message, retryAfterSeconds, cause }: GatewayError): GatewayError =>
  new GatewayError(code, { detail: message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }), sent: false, cause })
