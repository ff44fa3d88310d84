import { execFile } from 'node:child_process'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { serverProcess } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { freePort, serverSource } from './servers.ts'
import type { ServerSource } from './servers.ts'

const run = promisify(execFile)
const versions = '/usr/lib/postgresql'

/** Where PostgreSQL is to be had on this machine. The tests kill and freeze it, therefore they never use a foreign one. */
export const postgresqlSource = (): Promise<ServerSource> =>
  serverSource({ name: 'PostgreSQL', program: '/usr/bin/pg_createcluster', packages: ['postgresql'] })

/** Real PostgreSQL for one test file, gone without trace after `stop`; `start` starts it again over the same data and at the same port. */
export interface PostgresqlServer extends ServerProcess {
  /** `postgres://postgres@127.0.0.1:port/postgres`; no password is asked for. */
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** @param settings `max_connections=20`: more settings of the server. */
export async function startPostgresql(settings: readonly string[] = []): Promise<PostgresqlServer> {
  const programs = await newestPrograms()
  const folder = await mkdtemp(join(tmpdir(), 'headgate-postgresql-'))
  // PostgreSQL refuses to run as root: its package brings a user for it.
  const user = process.getuid?.() === 0 ? { uid: await idOf('-u'), gid: await idOf('-g') } : {}
  if (user.uid !== undefined) await chown(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const options = { ...user, cwd: folder, env: { LANG: 'C.UTF-8', PATH: process.env['PATH'] } }
  const port = await freePort()
  // Killed processes lose nothing that the system has taken: only a machine that fails would need the slow way to the disk.
  const always = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'max_connections=50', 'shared_buffers=16MB']
  const args = ['-D', data, ...[...always, ...settings].flatMap((setting) => ['-c', setting])]
  // It refuses everybody while it recovers from a kill.
  const ready = (): Promise<boolean> =>
    run(join(programs, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
      () => true,
      () => false,
    )
  const server = serverProcess({ name: 'PostgreSQL', command: join(programs, 'postgres'), args, port, ready, options })
  const stop = async (): Promise<void> => {
    await server.kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await run(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], options)
    await server.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { ...server, url: `postgres://postgres@127.0.0.1:${port}/postgres`, port, stop }
}

async function newestPrograms(): Promise<string> {
  const found = (await readdir(versions)).filter((name) => /^\d+$/.test(name)).toSorted((one, other) => Number(one) - Number(other))
  const newest = found.at(-1)
  if (newest === undefined) throw new Error(`no PostgreSQL in ${versions}`)
  return join(versions, newest, 'bin')
}

const idOf = async (which: '-u' | '-g'): Promise<number> => Number((await run('id', [which, 'postgres'])).stdout)
