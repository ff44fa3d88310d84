import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A server program that the tests want for real. */
export interface ServerNeed {
  /** `RabbitMQ`: how the skipped suite is named. */
  readonly name: string
  /** Environment variable with the address of a running one, where a foreign one is of use. */
  readonly addressVariable?: string
  /** A file that is there when the server is installed. */
  readonly program: string
  /** Debian packages that bring it. */
  readonly packages: readonly string[]
}

/** Where a server comes from, or why it cannot be had. */
export type ServerSource =
  | { readonly from: 'environment'; readonly address: string }
  | { readonly from: 'program' }
  | { readonly from: 'nowhere'; readonly why: string }

/**
 * Finds the server: an address in the environment first, then the installed program, then Debian's packages where this user may install
 * them. Never touches a server that somebody else has started.
 */
export async function serverSource(need: ServerNeed): Promise<ServerSource> {
  const address = need.addressVariable === undefined ? undefined : process.env[need.addressVariable]
  if (address !== undefined && address !== '') return { from: 'environment', address }
  if (await exists(need.program)) return { from: 'program' }
  const why = await installed(need)
  return why === undefined ? { from: 'program' } : { from: 'nowhere', why }
}

/**
 * Whether the suite has to be skipped: `describe.skipIf(skips(source))(`RabbitMQ loses nothing${missing(source)}`, ...)`.
 * @throws With `CI=true`, because there everything from npm and Debian is to be had.
 */
export function skips(source: ServerSource): boolean {
  if (source.from !== 'nowhere') return false
  if (process.env['CI'] === 'true') throw new Error(source.why)
  return true
}

/** Belongs behind the name of a suite, so that nobody takes one that was skipped for one that passed. */
export const missing = (source: ServerSource): string => (source.from === 'nowhere' ? ` (not run: ${source.why})` : '')

/** A TCP port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

/** @returns Why the packages could not be installed; undefined when they were. */
async function installed(need: ServerNeed): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || !(await exists('/usr/bin/apt-get'))) return `${need.packages.join(', ')} must be installed first`
  // In runlevel 1 the packages do not start a server of their own.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  // Test files run side by side and want the same packages: one installs, the others wait for it.
  const apt = (...words: string[]): Promise<unknown> =>
    run('flock', [join(tmpdir(), 'headgate-test-apt.lock'), 'apt-get', '-o', 'DPkg::Lock::Timeout=300', ...words], { env, maxBuffer: 2 ** 26 })
  const install = (): Promise<unknown> => apt('install', '-y', '--no-install-recommends', ...need.packages)
  try {
    await install().catch(async () => {
      await apt('update')
      await install()
    })
    return (await exists(need.program)) ? undefined : `${need.program} is missing after the installation`
  } catch {
    return `${need.packages.join(', ')} could not be installed`
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
