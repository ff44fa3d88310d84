import { renderGithub } from '../../config/diagnostics/render/github.ts'
import { renderJson } from '../../config/diagnostics/render/json.ts'
import { renderSarif } from '../../config/diagnostics/render/sarif.ts'
import type { LoadResult } from '../../config/load.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { inputPaths, loaded } from '../inputs.ts'
import type { Io } from '../io.ts'
import type { ValidateOptions } from '../program.ts'
import { findingsText } from '../render/findings.ts'
import { countText } from '../render/quantities.ts'

/** Reports all findings on standard output. */
export const validate = async (given: readonly string[], options: ValidateOptions, io: Io): Promise<ExitCode> => {
  const paths = inputPaths(given, io)
  const result = await loaded(paths, io)
  const fine = result.config !== undefined && (!options.strict || result.diagnostics.length === 0)
  io.out.write(await report(result, paths, options, io, fine))
  return fine ? exitCodes.ok : exitCodes.findings
}

const report = async (result: LoadResult, paths: readonly string[], { format }: ValidateOptions, io: Io, fine: boolean): Promise<string> => {
  switch (format) {
    case 'json':
      return renderJson(result.diagnostics)
    case 'sarif':
      return renderSarif(result.diagnostics)
    case 'github':
      return renderGithub(result.diagnostics)
    case 'text':
      return `${await findingsText(result, io.out)}${fine ? fineLine(result, paths, io) : ''}`
  }
}

const fineLine = ({ config }: LoadResult, paths: readonly string[], io: Io): string => {
  if (config === undefined) return ''
  const counts = [
    countText(config.routes.length, 'route'),
    countText(config.services.length, 'service'),
    ...(config.queues.length === 0 ? [] : [countText(config.queues.length, 'queue'), countText(config.consumers.length, 'consumer')]),
    ...(config.integrations.length === 0 ? [] : [countText(config.integrations.length, 'integration')]),
    ...(config.flows.length === 0 ? [] : [countText(config.flows.length, 'flow')]),
  ]
  return `${paths.join(', ')}: ${io.out.style('green', 'fine')} (${counts.join(', ')})\n`
}
