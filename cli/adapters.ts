import type { LoadAdapters } from '../config/adapters.ts'
import type { GatewayConfig, PluginSource } from '../config/model.ts'
import { type Adapter, commonKinds, failureKinds } from '../gateway/plugin.ts'
import { builtInAdapters, builtInTypes } from './plugins/built-in.ts'
import { pluginAdapter } from './plugins/plugin-module.ts'

export interface LoadedAdapters {
  /** By type. */
  readonly adapters: ReadonlyMap<string, Adapter>
  /** Of those that are not built in, by type. */
  readonly sources: ReadonlyMap<string, PluginSource>
  readonly problems: readonly { readonly source: PluginSource; readonly message: string; readonly hint?: string }[]
}

/** For the checks of a configuration. */
export const loadAdapters: LoadAdapters = async (sources, types) => {
  const { adapters, problems } = await loadedAdapters(sources, types)
  return { catalogue: { adapters, commonKinds, kinds: Object.keys(failureKinds) }, problems }
}

/**
 * For a gateway: the adapters of a configuration that was checked.
 * @throws Error where a plugin cannot be used any more.
 */
export const adaptersOf = async (config: Pick<GatewayConfig, 'plugins' | 'integrations'>): Promise<ReadonlyMap<string, Adapter>> => {
  const { adapters, problems } = await loadedAdapters(
    config.plugins,
    config.integrations.map(({ plugin }) => plugin),
  )
  const [problem] = problems
  if (problem !== undefined) throw new Error(problem.message)
  return adapters
}

/** Built-in adapters are imported only where they are named; all of them where a name is unknown, so that the nearest one can be told. */
export const loadedAdapters = async (sources: readonly PluginSource[], types: readonly string[]): Promise<LoadedAdapters> => {
  const adapters = new Map<string, Adapter>()
  const named = new Map<string, PluginSource>()
  const problems: LoadedAdapters['problems'][number][] = []
  const modules = await Promise.all(sources.map(async (source) => ({ source, found: await pluginAdapter(source) })))
  for (const { source, found } of modules) {
    if ('message' in found) problems.push({ source, ...found })
    else if (builtInTypes.includes(found.adapter.type))
      problems.push({ source, message: `${source.name} has the type \`${found.adapter.type}\`, which is that of a built-in adapter.` })
    else if (adapters.has(found.adapter.type))
      problems.push({ source, message: `${source.name} has the type \`${found.adapter.type}\`, which another plugin has already.` })
    else {
      adapters.set(found.adapter.type, found.adapter)
      named.set(found.adapter.type, source)
    }
  }
  const unknown = types.some((type) => !builtInTypes.includes(type) && !adapters.has(type))
  for (const adapter of await builtInAdapters(unknown ? builtInTypes : types)) adapters.set(adapter.type, adapter)
  return { adapters, sources: named, problems }
}
