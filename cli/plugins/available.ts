import { load, UnreadableError } from '../../config/load.ts'
import type { Adapter } from '../../gateway/plugin.ts'
import { loadedAdapters, type LoadedAdapters } from '../adapters.ts'
import { CommandError } from '../exit-codes.ts'
import { inputPaths, loadOptions } from '../inputs.ts'
import type { Io } from '../io.ts'
import { builtInAdapters, builtInTypes } from './built-in.ts'

export interface AvailableAdapter {
  readonly adapter: Adapter
  /** Undefined for built-in ones, else as the configuration names it. */
  readonly from: string | undefined
}

/** The built-in adapters, and those of a configuration where one is named. What else is wrong in it is no matter here. */
export const availableAdapters = async (
  paths: readonly string[] | undefined,
  io: Io,
): Promise<{ readonly adapters: readonly AvailableAdapter[]; readonly problems: LoadedAdapters['problems'] }> => {
  const builtIn = (await builtInAdapters(builtInTypes)).map((adapter) => ({ adapter, from: undefined }))
  if (paths === undefined) return { adapters: builtIn, problems: [] }
  let found: LoadedAdapters | undefined
  const adapters = async (...given: Parameters<typeof loadedAdapters>) => {
    found = await loadedAdapters(...given)
    return { catalogue: { adapters: found.adapters, commonKinds: [], kinds: [] }, problems: found.problems }
  }
  try {
    await load({ ...loadOptions(inputPaths(paths, io), io), adapters })
  } catch (error) {
    if (error instanceof UnreadableError) throw new CommandError(error.message)
    throw error
  }
  const sources: LoadedAdapters['sources'] = found?.sources ?? new Map()
  const own = [...(found?.adapters.values() ?? [])].flatMap((adapter) => {
    const source = sources.get(adapter.type)
    return source === undefined ? [] : [{ adapter, from: source.name }]
  })
  return { adapters: [...builtIn, ...own], problems: found?.problems ?? [] }
}
