import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PostgresqlStoreConfig } from '../../config/model.ts'
import { loadPgLibrary } from '../../gateway/state/postgresql-library.ts'
import { postgresqlRecordStore } from '../../gateway/state/postgresql-record-store.ts'
import type { RecordStore } from '../../gateway/state/record-store.ts'
import { describeRecordStore } from '../contracts/record-store-suite.ts'
import { postgresqlSource, startPostgresql } from '../kit/postgresql.ts'
import type { PostgresqlServer } from '../kit/postgresql.ts'
import { missing, skips } from '../kit/servers.ts'
import { until } from '../kit/until.ts'
import { newRecord } from './records.ts'
import { serverStores } from './stores.ts'
import type { ServerStores } from './stores.ts'

const source = await postgresqlSource()

const unavailable = { code: 'STATE_UNAVAILABLE', status: 503, retryAfterSeconds: 5 }

describe.skipIf(skips(source))(`records in PostgreSQL${missing(source)}`, () => {
  let server: PostgresqlServer
  let stores: ServerStores
  let store: RecordStore

  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headgate-hba-'))
    await chmod(folder, 0o755)
    const file = join(folder, 'hba.conf')
    await writeFile(file, 'host all keeper 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n')
    server = await startPostgresql([`hba_file=${file}`])
  })
  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  const config = (over: Partial<PostgresqlStoreConfig> = {}): PostgresqlStoreConfig => ({
    type: 'postgresql',
    url: server.url,
    tablePrefix: 'headgate_',
    maxConnections: 5,
    connectTimeoutMs: 1000,
    queryTimeoutMs: 1000,
    ...over,
  })
  const ask = async (text: string): Promise<Record<string, unknown>[]> => {
    const client = new Client({ connectionString: server.url })
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end()
    }
  }
  const table = (): string => (stores.place.type === 'postgresql' ? `${stores.place.tablePrefix}records` : '')

  describeRecordStore('PostgreSQL', () => Promise.resolve(serverStores(config())))

  describe('beyond the contract', () => {
    beforeEach(() => {
      stores = serverStores(config())
      store = stores.open()
    })
    afterEach(() => stores.stop())

    test('have their table made once, by whichever of many gateways comes first', async () => {
      const many = Array.from({ length: 8 }, () => stores.open({ maxConnections: 1 }))
      expect(await Promise.all(many.map((one, i) => one.put(newRecord(`a${i}`), 0)))).toEqual(many.map(() => 1))
    })

    test('need no right to make tables where theirs is', async () => {
      await store.put(newRecord('a'), 0)
      await ask(`CREATE ROLE guest LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ${table()} TO guest; REVOKE CREATE ON SCHEMA public FROM guest`)
      const guest = stores.open({ url: server.url.replace('postgres@', 'guest@') })
      expect(await guest.put(newRecord('b'), 0)).toBe(1)
    })

    test('are left alone in a table of another format', async () => {
      await ask(`CREATE TABLE ${table()} (id int)`)
      await expect(store.put(newRecord('a'), 0)).rejects.toMatchObject({ ...unavailable, sent: false })
      expect(stores.lines.join('\n')).toContain('has not the format of this version')
    })

    test('leave nothing behind when they have expired', async () => {
      const brief = stores.open({}, { cleanEveryMs: 20 })
      await Promise.all(Array.from({ length: 1200 }, (_, i) => brief.put(newRecord(`i${i}`, { expiresAtMs: Date.now() + 500 }), 0)))
      await brief.put(newRecord('stays', { expiresAtMs: Date.now() + 60_000 }), 0)
      await until('nothing else is left', async () => Number((await ask(`SELECT count(*) AS rows FROM ${table()}`))[0]?.['rows']) === 1)
    })

    test('are asked for through few connections, and beyond many that wait refused', async () => {
      const asked = await Promise.allSettled(Array.from({ length: 6000 }, (_, i) => store.get('intent', `i${i}`)))
      const answered = asked.filter(({ status }) => status === 'fulfilled')
      expect(answered.length).toBeGreaterThanOrEqual(5000)
      expect(answered.length).toBeLessThan(6000)
      expect(
        Number((await ask(`SELECT count(*) AS connections FROM pg_stat_activity WHERE application_name = 'headgate'`))[0]?.['connections']),
      ).toBe(5)
    })

    test('go on after their connections were cut', async () => {
      await store.put(newRecord('a'), 0)
      await ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headgate'`)
      await until('it works again', async () => (await store.get('intent', 'a').catch(() => undefined))?.version === 1)
    })

    test.each(['frozen', 'killed'] as const)(
      'refuse in time while PostgreSQL is %s, and go on afterwards with all that was confirmed',
      async (how) => {
        await store.put(newRecord('before'), 0)
        if (how === 'frozen') server.freeze()
        else await server.kill()
        const began = performance.now()
        const calls = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? store.put(newRecord(`during${i}`), 0) : store.get('intent', 'before')))
        const settled = await Promise.allSettled(calls)
        // The wait for a connection and the wait for the answer.
        expect(performance.now() - began).toBeLessThan(2500)
        expect(settled).toMatchObject(calls.map(() => ({ status: 'rejected', reason: unavailable })))
        if (how === 'frozen') server.thaw()
        else await server.start()
        await until('it works again', async () => (await store.put(newRecord('after'), 0).catch(() => undefined)) === 1, 10_000)
        expect(await store.get('intent', 'before')).toMatchObject({ version: 1 })
        expect(stores.lines.map((line) => line.split('the state store ')[1])).toEqual(['cannot be used', 'works again'])
      },
    )

    test('do not keep a gateway from ending while PostgreSQL is frozen', async () => {
      await store.put(newRecord('a'), 0)
      server.freeze()
      try {
        const began = performance.now()
        await store.close()
        expect(performance.now() - began).toBeLessThan(1500)
      } finally {
        server.thaw()
      }
    })

    test('are reached with a password that is looked up for every connection, and never told', async () => {
      await ask(`CREATE ROLE keeper LOGIN SUPERUSER PASSWORD 'of-now'`)
      let password = 'of-then'
      const lines: string[] = []
      const line = (fields: object, message: string): void => void lines.push(`${JSON.stringify(fields)} ${message}`)
      const secret = postgresqlRecordStore({
        config: config({ url: server.url.replace('postgres@', 'keeper@'), password: '${secret:database#password}' }),
        library: await loadPgLibrary(),
        reveal: (text) => text.replace('${secret:database#password}', password),
        log: { debug: line, info: line, warn: line, error: line },
        now: Date.now,
      })
      await expect(secret.get('intent', 'a')).rejects.toMatchObject(unavailable)
      password = 'of-now'
      expect(await secret.get('intent', 'a')).toBeUndefined()
      await secret.close()
      expect(lines.join('\n')).not.toMatch(/of-then|of-now/)
    })

    test('say why they cannot be used, without what is secret', async () => {
      const lost = stores.open({ url: `postgres://nobody:a-secret@127.0.0.1:${server.port}/postgres` })
      const error: unknown = await lost.get('intent', 'a').catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ ...unavailable, sent: false })
      expect(stores.lines.join('\n')).toContain('role "nobody" does not exist')
      expect(JSON.stringify([error, stores.lines])).not.toContain('a-secret')
    })
  })
})
