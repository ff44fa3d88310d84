import { readFileSync } from 'node:fs'
import type { Diagnostic } from './diagnostics/diagnostic.ts'
import { Findings } from './diagnostics/findings.ts'
import type { EffectiveConfig } from './effective.ts'
import type { GatewayConfig } from './model.ts'
import { pipeline } from './pipeline.ts'
import { commandLine, type Overrides } from './source/assemble.ts'
import type { Environment } from './source/interpolation.ts'
import { readLayers } from './source/read.ts'
import { maskedText } from './source/secrets.ts'

export interface LoadOptions {
  /** Files or folders, base first; each later one is laid over those before it. */
  readonly paths: readonly string[]
  readonly env: Environment
  /** Absolute path that relative ones refer to. */
  readonly cwd: string
  /** What the command line says in place of the files. */
  readonly overrides?: Overrides
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

/**
 * Reads a configuration.
 * @throws UnreadableError when a path cannot be read at all; everything else is a diagnostic.
 */
export const load = async ({ paths, env, cwd, overrides = {} }: LoadOptions): Promise<LoadResult> => {
  const findings = new Findings()
  const { layers, files, watch } = await readLayers(paths, cwd, findings)
  const result = pipeline({ layers, env, overrides, cwd, readFile: (path) => readFileSync(path, 'utf8'), findings })
  const line = commandLine(overrides)
  const sources = new Map(files.map((file) => [file.name, maskedText(file.text)]))
  if (line.text !== '') sources.set(line.name, line.text)
  return {
    config: result.config,
    diagnostics: result.diagnostics,
    sources,
    watch: [...new Set([...watch, ...result.files])],
    effective: result.effective,
  }
}

export type { EffectiveConfig } from './effective.ts'
export { UnreadableError } from './source/read.ts'
