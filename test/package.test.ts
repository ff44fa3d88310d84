import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { productFiles, root, textFiles } from './architecture/files.ts'
import { importsOf } from './architecture/imports.ts'

interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const json = (path: string): unknown => JSON.parse(readFileSync(`${root}/${path}`, 'utf8'))
const manifest = json('package.json') as Manifest
const locked = (json('package-lock.json') as { readonly packages: Readonly<Record<string, LockedPackage>> }).packages
const tools = json('tools/node/package.json') as { readonly optionalDependencies: Readonly<Record<string, string>> }

const copiesOf = (name: string): readonly string[] =>
  Object.entries(locked)
    .filter(([path]) => path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`))
    .map(([, entry]) => entry.version ?? '')

const isAtLeast = (version: string, floor: string): boolean => version.localeCompare(floor, 'en', { numeric: true }) >= 0

describe('dependencies', () => {
  test.each([
    ['fast-uri', '3.1.2', 'CVE-2026-6321 and CVE-2026-6322'],
    ['yaml', '2.8.3', 'CVE-2026-33532'],
    ['ajv', '8.18.0', 'CVE-2025-69873'],
  ])('every copy of %s is at least %s, which mends %s', (name, floor) => {
    const copies = copiesOf(name)
    expect(copies.length).toBeGreaterThan(0)
    expect(copies.filter((version) => !isAtLeast(version, floor))).toEqual([])
  })

  test('nothing that is installed with the product runs a script at install', () => {
    const scripted = Object.entries(locked).filter(([, entry]) => entry.hasInstallScript === true && entry.dev !== true)
    expect(scripted.map(([path]) => path)).toEqual([])
  })

  test('every direct dependency has an exact version', () => {
    const all = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies, ...tools.optionalDependencies })
    expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })

  test('the lock file names no registry', () => {
    expect(Object.values(locked).filter((entry) => entry.resolved?.startsWith('http') === true)).toEqual([])
  })

  test('the lock file has every optional dependency, those of other platforms too, because npm ci refuses it otherwise', () => {
    const named = Object.entries(locked).flatMap(([path, entry]) => Object.keys(entry.optionalDependencies ?? {}).map((name) => ({ path, name })))
    const missing = named.filter(
      ({ path, name }) => locked[`node_modules/${name}`] === undefined && locked[`${path}/node_modules/${name}`] === undefined,
    )
    expect(missing).toEqual([])
  })

  test('every dependency of the product is imported by the product', () => {
    const imported = new Set(productFiles().flatMap((file) => importsOf(file).packages))
    expect(Object.keys(manifest.dependencies).filter((name) => !imported.has(name))).toEqual([])
  })

  test('the product imports nothing but its own dependencies', () => {
    // Types only: json-schema-to-ts leaves nothing behind at run time. New plugins, whose text the product has, import the product itself.
    const allowed = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies), 'json-schema-to-ts', 'headgate'])
    const imported = productFiles().flatMap((file) => importsOf(file).packages)
    expect(imported.filter((name) => !name.startsWith('node:') && !allowed.has(name))).toEqual([])
  })
})

describe('the repository', () => {
  test.each([
    'gateway config schemas plugins cli examples test bench docs',
    'package.json package-lock.json tsconfig.json',
    'README.md AGENTS.md CHANGELOG.md LICENSE Dockerfile compose.yaml',
  ])('has at its top: %s', (entries) => {
    expect(entries.split(' ').filter((entry) => !existsSync(`${root}/${entry}`))).toEqual([])
  })

  test.each(['.ci/run', 'cli/headgate.js'])('%s can be executed', (path) => {
    expect(statSync(`${root}/${path}`).mode & 0o111).not.toBe(0)
  })

  test('every relative link in the documents leads to a file', () => {
    const links = textFiles()
      .filter((file) => file.path.endsWith('.md'))
      .flatMap((file) =>
        [...file.text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => new URL(match[1] ?? '', `file:///${file.path}`)),
      )
    expect(links.filter((link) => !existsSync(`${root}${link.pathname}`)).map((link) => link.pathname)).toEqual([])
  })
})

describe('the command', () => {
  const headgate = (source: string): { readonly status: number; readonly stderr: string } => {
    try {
      execFileSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8', stdio: 'pipe' })
      return { status: 0, stderr: '' }
    } catch (error) {
      const { status, stderr } = error as { readonly status: number; readonly stderr: string }
      return { status, stderr }
    }
  }

  test('says in one sentence that Node is too old, and ends with 2', () => {
    const pretend = "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })"
    const result = headgate(`${pretend}; await import(${JSON.stringify(`${root}/cli/headgate.js`)})`)
    expect(result).toEqual({ status: 2, stderr: 'headgate needs Node 22.19 or newer; this is Node 20.20.2.\n' })
  })

  test('needs the same Node as package.json says', () => {
    const { engines } = json('package.json') as { readonly engines: { readonly node: string } }
    expect(engines.node).toBe('>=22.19')
  })
})
