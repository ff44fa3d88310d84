import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgresqlSource, startPostgresql } from './postgresql.ts'
import type { PostgresqlServer } from './postgresql.ts'
import { missing, skips } from './servers.ts'

const source = await postgresqlSource()

describe.skipIf(skips(source))(`PostgreSQL for tests${missing(source)}`, () => {
  let server: PostgresqlServer
  beforeAll(async () => {
    server = await startPostgresql()
  })
  afterAll(() => server.stop())

  const ask = async (text: string): Promise<unknown[]> => {
    const client = new Client({ connectionString: server.url, connectionTimeoutMillis: 2000, query_timeout: 500 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Record<string, unknown>>(text)).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  test('keeps what was committed when it is killed and started again at once', async () => {
    await ask('CREATE TABLE kept (id int PRIMARY KEY)')
    await ask('INSERT INTO kept VALUES (7)')
    await server.kill()
    await expect(ask('SELECT 1')).rejects.toThrow('ECONNREFUSED')
    await server.start()
    expect(await ask('SELECT id FROM kept')).toEqual([{ id: 7 }])
  })

  test('answers nothing while it is frozen, and goes on afterwards', async () => {
    const client = new Client({ connectionString: server.url, query_timeout: 300 })
    await client.connect()
    server.freeze()
    await expect(client.query('SELECT 1')).rejects.toThrow('timeout')
    server.thaw()
    await client.end()
    expect(await ask('SELECT 2 AS two')).toEqual([{ two: 2 }])
  })
})
