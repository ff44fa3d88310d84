import { loadAdapters } from '../cli/adapters.ts'
import { load } from '../config/load.ts'

/** The errors of a configuration, as `file:line message`; warnings are left out. */
export const errorsOf = async (paths: readonly string[], cwd: string): Promise<readonly string[]> => {
  const { diagnostics } = await load({ paths, env: {}, cwd, adapters: loadAdapters })
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error')
  return errors.map((error) => `${error.location.file}:${error.location.line} ${error.message}`)
}

/** Codes of all findings of a configuration, warnings included. */
export const findingsOf = async (paths: readonly string[], cwd: string): Promise<readonly string[]> => {
  const { diagnostics } = await load({ paths, env: {}, cwd, adapters: loadAdapters })
  return diagnostics.map(({ code }) => code)
}
