import { editorSchema } from '../../config/editor-schema.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Io } from '../io.ts'

export const schema = async (io: Io): Promise<ExitCode> => {
  io.out.write(`${JSON.stringify(editorSchema(), undefined, 2)}\n`)
  return exitCodes.ok
}
