import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { load, UnreadableError } from '../config/load.ts'
import type { LoadOptions, LoadResult } from '../config/load.ts'
import { CommandError } from './exit-codes.ts'
import type { Io } from './io.ts'

const defaultPath = 'gateway.yaml'

/**
 * What to read: the paths given, or `./gateway.yaml`.
 * @throws CommandError when none is given and there is no such file, or when one is empty.
 */
export const inputPaths = (given: readonly string[] | undefined, io: Io): readonly string[] => {
  // An unset variable of a script would otherwise stand for the current folder.
  if (given?.includes('') === true) throw new CommandError('A path is empty. Name a file or folder, or leave it out for ./gateway.yaml.')
  if (given !== undefined && given.length > 0) return given
  if (existsSync(resolve(io.cwd, defaultPath))) return [defaultPath]
  throw new CommandError(`There is no gateway.yaml in this folder (${io.cwd}). Create one, or name a file or folder.`)
}

/** @throws CommandError when a path cannot be read. */
export const loaded = async (paths: readonly string[], io: Io, overrides?: LoadOptions['overrides']): Promise<LoadResult> => {
  try {
    return await load(loadOptions(paths, io, overrides))
  } catch (error) {
    if (error instanceof UnreadableError) throw new CommandError(error.message)
    throw error
  }
}

export const loadOptions = (paths: readonly string[], io: Io, overrides?: LoadOptions['overrides']): LoadOptions => ({
  paths,
  env: io.env,
  cwd: io.cwd,
  adapters: async (sources, types) => (await import('./adapters.ts')).loadAdapters(sources, types),
  ...(overrides === undefined ? {} : { overrides }),
})
