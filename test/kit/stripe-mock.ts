import { execFile } from 'node:child_process'
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { serverProcess } from './server-process.ts'
import { freePort } from './servers.ts'

const run = promisify(execFile)
const version = '0.203.0'

/**
 * Stripe's own stand-in: it holds requests against Stripe's OpenAPI and answers with its fixtures; it remembers nothing. Any key that begins
 * with `sk_test_` will do.
 */
export interface StripeMock {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

export async function startStripeMock(): Promise<StripeMock> {
  const command = await stripeMock()
  const port = await freePort()
  const server = serverProcess({ name: 'stripe-mock', command, args: ['-http-addr', `127.0.0.1:${port}`], port })
  await server.start()
  return { url: `http://127.0.0.1:${port}`, port, stop: () => server.kill() }
}

/** @returns The program: the installed one, or one that Go builds into the user's cache at first use. */
async function stripeMock(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const installed = join(folder, 'stripe-mock')
    if (folder !== '' && (await exists(installed))) return installed
  }
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headgate-test')
  const target = join(cache, `stripe-mock-${version}`)
  if (await exists(target)) return target
  await run('go', ['version']).catch(() => {
    throw new Error('there is neither stripe-mock nor Go')
  })
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'go-'))
  try {
    await run('go', ['install', `github.com/stripe/stripe-mock@v${version}`], { env: { ...process.env, GOBIN: work }, timeout: 300_000 })
    await rename(join(work, 'stripe-mock'), target)
  } catch {
    throw new Error('Go could not build stripe-mock')
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return target
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const why = await stripeMock().then(
  () => undefined,
  (error: unknown) => (error instanceof Error ? error.message : String(error)),
)

/**
 * Suites that need it: ``describe.skipIf(noStripeMock)(`...${stripeMockNote}`, ...)``. It is neither to be had from npm nor from Debian, so that
 * they are skipped where there is no Go, under a name that says so, also in CI.
 */
export const noStripeMock = why !== undefined
export const stripeMockNote = why === undefined ? '' : ` (not run: ${why})`
