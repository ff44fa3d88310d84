import type { Diagnostic } from './diagnostics/diagnostic.ts'
import type { Findings } from './diagnostics/findings.ts'
import { type EffectiveConfig, effectiveConfig } from './effective.ts'
import { lint } from './lint/lint.ts'
import type { GatewayConfig } from './model.ts'
import { resolve } from './resolve/resolve.ts'
import { assemble, type Overrides } from './source/assemble.ts'
import type { Environment } from './source/interpolation.ts'
import type { Layer } from './source/read.ts'
import type { ReadFile } from './lint/named-file.ts'
import { validate } from './validate/validate.ts'

export interface PipelineInput {
  readonly layers: readonly Layer[]
  readonly env: Environment
  readonly overrides: Overrides
  /** What relative names of files to be written refer to; absolute. */
  readonly cwd: string
  /** Reads files that the configuration names, by absolute path. */
  readonly readFile: ReadFile
  /** What reading the layers has found already. */
  readonly findings: Findings
}

export interface PipelineResult {
  /** Undefined when any diagnostic is an error. */
  readonly config: GatewayConfig | undefined
  readonly diagnostics: readonly Diagnostic[]
  readonly effective: EffectiveConfig | undefined
  /** Absolute paths of files that the configuration names. */
  readonly files: readonly string[]
}

/** Texts to trusted configuration: parse, interpolate, merge, validate, lint, resolve. Reads no file and no clock of its own. */
export const pipeline = ({ layers, env, overrides, cwd, readFile, findings }: PipelineInput): PipelineResult => {
  const readFailed = findings.hasErrors
  const tree = assemble(layers, env, overrides, findings)
  if (tree === undefined || readFailed) return { config: undefined, diagnostics: findings.sorted(), effective: undefined, files: [] }
  validate(tree, findings)
  const { files, ...contents } = lint(tree, findings, readFile)
  if (findings.hasErrors) return { config: undefined, diagnostics: findings.sorted(), effective: undefined, files }
  return { config: resolve(tree, contents, cwd), diagnostics: findings.sorted(), effective: effectiveConfig(tree), files }
}
