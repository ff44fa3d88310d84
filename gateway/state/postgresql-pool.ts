import { Socket } from 'node:net'
import type { PoolConfig } from 'pg'
import type { PostgresqlStoreConfig } from '../../config/model.ts'
import { timeLimited } from '../messaging/jobs/redis/time-limit.ts'
import { storeTrouble } from '../messaging/jobs/store-trouble.ts'
import type { StoreTroubleDeps } from '../messaging/jobs/store-trouble.ts'
import { tlsOptions } from '../messaging/tls-options.ts'
import type { PgLibrary } from './postgresql-library.ts'
import { stateRole } from './state-role.ts'

/** Statements of one process that may wait for a connection; more are refused at once. */
const maxWaiting = 5000

/** A server that does not say goodbye is given up after this. */
const goodbyeMs = 500

/** The server is given less time than its answer: what it has broken off it cannot do later, behind the back of who has given up. */
const answerShare = 0.9

export type Row = Readonly<Record<string, unknown>>

export interface Statements {
  run(text: string, values?: readonly (string | number | null)[]): Promise<readonly Row[]>
}

export interface PostgresqlPool extends Statements {
  /** All of `work` over one connection, in one transaction. @throws {GatewayError} STATE_UNAVAILABLE */
  transaction<Answer>(work: (statements: Statements) => Promise<Answer>): Promise<Answer>
  /** A change was made: what could not be done before can be done now. */
  works(): void
  close(): Promise<void>
}

export interface PostgresqlPoolOptions extends StoreTroubleDeps {
  readonly library: PgLibrary
  readonly config: PostgresqlStoreConfig
  /** Fills references to secrets in, for every new connection: a rotated password is picked up. */
  reveal(text: string): string
}

/** A few connections, made when they are needed and given up when they fail or do not answer in time. */
export function postgresqlPool(options: PostgresqlPoolOptions): PostgresqlPool {
  const { library, config } = options
  const { address, where } = addressOf(options)
  const trouble = storeTrouble(where, { ...options, role: stateRole })
  const sockets = new Set<Socket>()
  let closed = false
  const pool = new library.Pool({
    ...address,
    max: config.maxConnections,
    connectionTimeoutMillis: config.connectTimeoutMs,
    query_timeout: config.queryTimeoutMs,
    statement_timeout: Math.ceil(config.queryTimeoutMs * answerShare),
    idle_in_transaction_session_timeout: config.queryTimeoutMs * 2,
    application_name: 'headgate',
    keepAlive: true,
    stream: () => {
      const socket = new Socket()
      sockets.add(socket)
      return socket.once('close', () => sockets.delete(socket))
    },
  })
  // A lost connection ends no process: who uses it is told by his statement, and nobody else needs to know.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))

  const transactional = async <Answer>(work: (statements: Statements) => Promise<Answer>): Promise<Answer> => {
    let sent = false
    try {
      if (pool.waitingCount >= maxWaiting) throw new Error(`${maxWaiting} statements wait for a connection`)
      const client = await pool.connect()
      sent = true
      try {
        const answer = await work({ run: async (text, values = []) => (await client.query<Row>(text, [...values])).rows })
        client.release()
        return answer
      } catch (error) {
        // Whether the connection is in a transaction, or still waits for an answer, is not worth finding out.
        client.release(true)
        throw error
      }
    } catch (error) {
      const plain = plainError(error)
      if (!closed) trouble.met(plain)
      throw stateRole.unavailable(plain, sent)
    }
  }

  return {
    run: (text, values) => transactional(({ run }) => run(text, values)),
    transaction: (work) =>
      transactional(async (statements) => {
        await statements.run('BEGIN')
        const answer = await work(statements)
        await statements.run('COMMIT')
        return answer
      }),
    works: trouble.over,
    close: async () => {
      closed = true
      await timeLimited(pool.end(), goodbyeMs).catch(() => undefined)
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** The message and the code alone: errors of the library carry rows and addresses. */
function plainError(error: unknown): Error {
  if (error instanceof AggregateError) return plainError(error.errors[0])
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return new Error(`${error instanceof Error ? error.message : String(error)}${code}`)
}

const defaultPort = 5432

function addressOf({ config, reveal }: Pick<PostgresqlPoolOptions, 'config' | 'reveal'>): { readonly address: PoolConfig; readonly where: object } {
  const url = new URL(reveal(config.url))
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '')
  const port = url.port === '' ? defaultPort : Number(url.port)
  const [user, database, password] = [url.username, url.pathname.slice(1), url.password].map(decodeURIComponent)
  const sslMode = url.searchParams.get('sslmode') ?? 'disable'
  const encrypted = config.tls !== undefined || sslMode !== 'disable'
  return {
    address: {
      host,
      port,
      ...(user === undefined || user === '' ? {} : { user }),
      ...(database === undefined || database === '' ? {} : { database }),
      password: () => (config.password === undefined ? (password ?? '') : reveal(config.password)),
      ssl: encrypted ? tlsOptions(config.tls, host) : false,
    },
    where: { postgresql: `${host}:${port}${database === undefined || database === '' ? '' : `/${database}`}` },
  }
}
