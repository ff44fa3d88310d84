import { readFileSync } from 'node:fs'
import type { LoadAdapters } from './adapters.ts'
import type { Diagnostic } from './diagnostics/diagnostic.ts'
import { Findings } from './diagnostics/findings.ts'
import type { EffectiveConfig } from './effective.ts'
import type { GatewayConfig } from './model.ts'
import { checked, parsedTree } from './pipeline.ts'
import { loadedPlugins, pluginSources } from './plugins.ts'
import { noAdapters } from './providers.ts'
import { commandLine, type Overrides } from './source/assemble.ts'
import type { Environment } from './source/interpolation.ts'
import { readLayers } from './source/read.ts'
import { secretPlaces } from './source/secret-places.ts'
import { maskedText } from './source/secrets.ts'

export interface LoadOptions {
  /** Files or folders, base first; each later one is laid over those before it. */
  readonly paths: readonly string[]
  readonly env: Environment
  /** Absolute path that relative ones refer to. */
  readonly cwd: string
  /** What the command line says in place of the files. */
  readonly overrides?: Overrides
  /** Loads adapters; without it none is known, and integrations are refused. */
  readonly adapters?: LoadAdapters
}

export interface LoadResult {
  /** Undefined when any diagnostic is an error. */
  readonly config: GatewayConfig | undefined
  /** By file, line and column. */
  readonly diagnostics: readonly Diagnostic[]
  /** File name as shown to its text, for code frames; secrets are masked. */
  readonly sources: ReadonlyMap<string, string>
  /** Absolute paths of files and folders whose change may change the configuration. */
  readonly watch: readonly string[]
  /** Undefined whenever `config` is. */
  readonly effective: EffectiveConfig | undefined
}

const nothingLoaded = { catalogue: noAdapters, pluginsFailed: false }

/**
 * Reads a configuration.
 * @throws UnreadableError when a path cannot be read at all; everything else is a diagnostic.
 */
export const load = async ({ paths, env, cwd, overrides = {}, adapters }: LoadOptions): Promise<LoadResult> => {
  const findings = new Findings()
  const { layers, files, watch } = await readLayers(paths, cwd, findings)
  const tree = parsedTree({ layers, env, overrides, findings })
  const plugins = tree === undefined ? [] : pluginSources(tree)
  const loaded = tree === undefined ? nothingLoaded : await loadedPlugins(tree, plugins, adapters, findings)
  const result = checked(tree, { cwd, readFile: (path) => readFileSync(path, 'utf8'), findings, ...loaded })
  const secrets = secretPlaces(loaded.catalogue, tree?.root)
  const line = commandLine(overrides)
  const sources = new Map(files.map((file) => [file.name, maskedText(file.text, secrets)]))
  if (line.text !== '') sources.set(line.name, line.text)
  return {
    config: result.config,
    diagnostics: result.diagnostics,
    sources,
    watch: [...new Set([...watch, ...result.files, ...plugins.flatMap(({ path }) => path ?? [])])],
    effective: result.effective,
  }
}

export type { EffectiveConfig } from './effective.ts'
export { UnreadableError } from './source/read.ts'
