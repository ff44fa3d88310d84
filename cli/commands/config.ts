import { originText } from '../explain/origins.ts'
import { effectiveYaml } from '../render/effective-yaml.ts'
import { leafPointers } from '../render/pointers.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { inputPaths, loaded } from '../inputs.ts'
import type { Io } from '../io.ts'
import type { ConfigOptions } from '../program.ts'
import { findingsText } from '../render/findings.ts'

/** Prints the effective configuration. Findings go to standard error; with errors nothing is printed, because half a configuration misleads. */
export const config = async (options: ConfigOptions, io: Io): Promise<ExitCode> => {
  const result = await loaded(inputPaths(options.config, io), io)
  io.err.write(await findingsText(result, io.err))
  const { effective } = result
  if (result.config === undefined || effective === undefined) return exitCodes.findings
  const originOf = (pointer: string): string => originText(effective.originOf(pointer))
  io.out.write(
    options.format === 'json' ? json(effective.value, options, originOf) : effectiveYaml(effective.value, options.origins ? originOf : undefined),
  )
  return exitCodes.ok
}

const json = (value: unknown, { origins }: ConfigOptions, originOf: (pointer: string) => string): string => {
  const shown = origins ? { config: value, origins: Object.fromEntries(leafPointers(value).map((pointer) => [pointer, originOf(pointer)])) } : value
  return `${JSON.stringify(shown, undefined, 2)}\n`
}
