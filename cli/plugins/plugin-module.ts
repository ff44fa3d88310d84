import { existsSync, readFileSync, statSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PluginSource } from '../../config/model.ts'
import { adapterProblems } from '../../gateway/integrations/adapter-shape.ts'
import type { Adapter } from '../../gateway/plugin.ts'

/** Longest wait for a module: code that waits for something while it is imported would otherwise keep the gateway from starting. */
const importTimeoutMs = 10_000
/** Of one adapter at once; the others show when these are mended. */
const maxProblems = 5

export type LoadedPlugin = { readonly adapter: Adapter } | { readonly message: string; readonly hint?: string }

/** The adapter of a module: its default export, or the export named `adapter`. Never rejects. */
export const pluginAdapter = async (source: PluginSource, timeoutMs = importTimeoutMs): Promise<LoadedPlugin> => {
  const entry = entryOf(source)
  if (typeof entry !== 'string') return entry
  const loaded = await imported(entry, timeoutMs)
  if ('message' in loaded) return { ...loaded, message: `${source.name} cannot be used: ${loaded.message}` }
  const { default: main, adapter: named } = loaded.module
  const value = main ?? named
  if (value === undefined) return { message: `${source.name} exports no adapter.`, hint: 'Export it as default, or under the name `adapter`.' }
  const problems = adapterProblems(value)
  if (problems.length === 0) return { adapter: value as Adapter }
  const more = problems.length > maxProblems ? ` And ${problems.length - maxProblems} more.` : ''
  return { message: `The adapter of ${source.name} cannot be used. ${problems.slice(0, maxProblems).join(' ')}${more}` }
}

type Failed = { readonly message: string; readonly hint?: string }

/** Absolute path of the file to import. */
const entryOf = ({ name, path, from }: PluginSource): string | Failed => {
  if (path !== undefined) {
    if (!existsSync(path)) return { message: `There is no plugin at ${name}.`, hint: 'Paths are relative to the file that names them.' }
    return isFolder(path) ? entryOfPackage(path, name) : path
  }
  const manifest = manifestOf(name, from)
  if (manifest === undefined)
    return {
      message: `The package ${name} is not installed.`,
      hint: `Run \`npm install ${name}\` beside the configuration. Paths begin with \`./\`, \`../\` or \`/\`.`,
    }
  return entryOfPackage(dirname(manifest), name)
}

const isFolder = (path: string): boolean => statSync(path).isDirectory()

const manifestOf = (name: string, from: string): string | undefined => {
  try {
    return findPackageJSON(name, pathToFileURL(from))
  } catch {
    return undefined
  }
}

const entryOfPackage = (folder: string, name: string): string | Failed => {
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) return { message: `${name} has no package.json.`, hint: 'Name the file of the adapter instead of its folder.' }
  let content: unknown
  try {
    content = JSON.parse(readFileSync(manifest, 'utf8'))
  } catch {
    return { message: `The package.json of ${name} is not JSON.` }
  }
  const { exports, main } = typeof content === 'object' && content !== null ? (content as Readonly<Record<string, unknown>>) : {}
  const entry = exported(exports) ?? (typeof main === 'string' ? main : 'index.js')
  const path = join(folder, entry)
  return existsSync(path)
    ? path
    : { message: `${name} leads to ${entry}, which is not there.`, hint: 'Check `exports` or `main` in its package.json.' }
}

/** What `exports` means for `import` in Node. */
const exported = (value: unknown): string | undefined => {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(exported).find((entry) => entry !== undefined)
  if (typeof value !== 'object' || value === null) return undefined
  for (const [condition, inner] of Object.entries(value)) {
    if (!['.', 'node', 'import', 'module-sync', 'default'].includes(condition)) continue
    const entry = exported(inner)
    if (entry !== undefined) return entry
  }
  return undefined
}

/** Node keeps what it has imported, failures included; a file that was changed after it failed is taken under another name. */
const failedAt = new Map<string, number>()

const imported = async (path: string, timeoutMs: number): Promise<{ readonly module: Readonly<Record<string, unknown>> } | Failed> => {
  const url = pathToFileURL(path)
  const writtenAtMs = statSync(path).mtimeMs
  if (failedAt.has(path)) url.searchParams.set('version', String(writtenAtMs))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Failed>((resolve) => {
    timer = setTimeout(
      () => resolve({ message: `its import has not ended after ${timeoutMs / 1000} s.`, hint: 'A module must not wait at its top level.' }),
      timeoutMs,
    )
  })
  const module = import(url.href).then(
    (found: Readonly<Record<string, unknown>>) => ({ module: found }),
    (error: unknown) => {
      failedAt.set(path, writtenAtMs)
      return failure(error)
    },
  )
  try {
    return await Promise.race([module, late])
  } finally {
    clearTimeout(timer)
  }
}

const failure = (error: unknown): Failed => {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING')
    return { message: 'Node runs no TypeScript inside node_modules.', hint: 'Publish JavaScript, or name the plugin by its path.' }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const [first = ''] = text.split('\n')
  const hint = code === 'ERR_MODULE_NOT_FOUND' ? { hint: 'Run `npm install` in its folder, or mend the path that it imports.' } : {}
  return { message: `its import failed with ${first.endsWith('.') ? first : `${first}.`}`, ...hint }
}
