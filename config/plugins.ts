import { basename, join, resolve } from 'node:path'
import type { AdapterCatalogue, LoadAdapters } from './adapters.ts'
import type { Findings } from './diagnostics/findings.ts'
import type { PluginSource } from './model.ts'
import { noAdapters } from './providers.ts'
import type { Tree } from './source/tree.ts'
import { isMapping, pointerOf } from './source/value.ts'

/** What `plugins` names. Paths are relative to the file that names them. */
export const pluginSources = (tree: Tree): readonly PluginSource[] => {
  const { plugins } = tree.root
  if (!Array.isArray(plugins)) return []
  return plugins.flatMap((name: unknown, index): PluginSource[] => {
    const file = tree.provenance.entry(plugins, String(index))?.file
    if (typeof name !== 'string' || name === '' || file === undefined || tree.provenance.isBroken(plugins, String(index))) return []
    const isPath = /^(?:\.{1,2}(?:\/|$)|\/)/.test(name)
    return [{ name, ...(isPath && { path: resolve(file.folder, name) }), from: join(file.folder, basename(file.name)) }]
  })
}

export interface LoadedPlugins {
  readonly catalogue: AdapterCatalogue
  readonly pluginsFailed: boolean
}

/** What integrations name as their `plugin`. */
const adapterTypes = ({ root: { integrations } }: Tree): readonly string[] =>
  Object.values(isMapping(integrations) ? integrations : {}).flatMap((one) =>
    isMapping(one) && typeof one['plugin'] === 'string' ? [one['plugin']] : [],
  )

/** Loads the adapters; modules that cannot be used become findings. */
export const loadedPlugins = async (
  tree: Tree,
  sources: readonly PluginSource[],
  adapters: LoadAdapters | undefined,
  findings: Findings,
): Promise<LoadedPlugins> => {
  if (adapters === undefined) return { catalogue: noAdapters, pluginsFailed: false }
  const { catalogue, problems } = await adapters(sources, adapterTypes(tree))
  for (const { source, message, hint } of problems) {
    const { plugins } = tree.root
    const steps = ['plugins', Array.isArray(plugins) ? plugins.indexOf(source.name) : 0]
    findings.report('HG3025', tree.valueLocation(steps), message, { hint, pointer: pointerOf(steps) })
  }
  return { catalogue, pluginsFailed: problems.length > 0 }
}
