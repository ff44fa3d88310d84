import { explanationData } from '../explain/data.ts'
import { explanation } from '../explain/explanation.ts'
import { describedRequest } from '../explain/request.ts'
import { explanationText } from '../explain/text.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { inputPaths, loaded } from '../inputs.ts'
import type { Io } from '../io.ts'
import type { ExplainOptions } from '../program.ts'
import { findingsText } from '../render/findings.ts'

/** Findings of a configuration that cannot be explained go to standard error, so that JSON on standard output stays JSON. */
export const explain = async (method: string, target: string, options: ExplainOptions, io: Io): Promise<ExitCode> => {
  const request = describedRequest(method, target, options.header ?? [])
  const result = await loaded(inputPaths(options.config, io), io)
  if (result.config === undefined) {
    io.err.write(await findingsText(result, io.err))
    return exitCodes.findings
  }
  const found = explanation(result.config, result, request)
  io.out.write(options.format === 'json' ? `${JSON.stringify(explanationData(found), undefined, 2)}\n` : explanationText(found, io.out))
  return found.taken === undefined ? exitCodes.findings : exitCodes.ok
}
