import type { AdapterCatalogue } from './adapters.ts'
import type { Diagnostic } from './diagnostics/diagnostic.ts'
import type { Findings } from './diagnostics/findings.ts'
import { type EffectiveConfig, effectiveConfig } from './effective.ts'
import { lint } from './lint/lint.ts'
import type { GatewayConfig } from './model.ts'
import { noAdapters } from './providers.ts'
import { resolve } from './resolve/resolve.ts'
import { assemble, type Overrides } from './source/assemble.ts'
import type { Environment } from './source/interpolation.ts'
import type { Layer } from './source/read.ts'
import { secretPlaces } from './source/secret-places.ts'
import type { ReadFile } from './lint/named-file.ts'
import type { Tree } from './source/tree.ts'
import { validateSettings } from './validate/settings.ts'
import { validate } from './validate/validate.ts'

export interface Texts {
  readonly layers: readonly Layer[]
  readonly env: Environment
  readonly overrides: Overrides
  /** What reading the layers has found already. */
  readonly findings: Findings
}

export interface CheckInput {
  /** What relative names of files to be written refer to; absolute. */
  readonly cwd: string
  /** Reads files that the configuration names, by absolute path. */
  readonly readFile: ReadFile
  readonly findings: Findings
  readonly catalogue: AdapterCatalogue
  /** Whether a module of `plugins` could not be loaded. */
  readonly pluginsFailed: boolean
}

export interface PipelineResult {
  /** Undefined when any diagnostic is an error. */
  readonly config: GatewayConfig | undefined
  readonly diagnostics: readonly Diagnostic[]
  readonly effective: EffectiveConfig | undefined
  /** Absolute paths of files that the configuration names. */
  readonly files: readonly string[]
}

/** Parse, interpolate, merge. Undefined when a file could not be made out; the findings say why. */
export const parsedTree = ({ layers, env, overrides, findings }: Texts): Tree | undefined => {
  const readFailed = findings.hasErrors
  const tree = assemble(layers, env, overrides, findings)
  return readFailed ? undefined : tree
}

/** Validate, lint, resolve. */
export const checked = (tree: Tree | undefined, { cwd, readFile, findings, catalogue, pluginsFailed }: CheckInput): PipelineResult => {
  if (tree === undefined) return { config: undefined, diagnostics: findings.sorted(), effective: undefined, files: [] }
  validate(tree, findings)
  const providers = validateSettings(tree, findings, catalogue, pluginsFailed)
  const { files, ...contents } = lint(tree, findings, { readFile, catalogue, providers })
  if (findings.hasErrors) return { config: undefined, diagnostics: findings.sorted(), effective: undefined, files }
  const config = resolve(tree, { ...contents, providers, commonKinds: catalogue.commonKinds }, cwd)
  return { config, diagnostics: findings.sorted(), effective: effectiveConfig(tree, secretPlaces(catalogue, tree.root)), files }
}

export type PipelineInput = Texts & Pick<CheckInput, 'cwd' | 'readFile'> & { readonly catalogue?: AdapterCatalogue }

/** Texts to trusted configuration. Reads no file and no clock of its own, and loads no plugins. */
export const pipeline = ({ cwd, readFile, catalogue = noAdapters, ...texts }: PipelineInput): PipelineResult =>
  checked(parsedTree(texts), { cwd, readFile, findings: texts.findings, catalogue, pluginsFailed: false })
