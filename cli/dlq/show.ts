import { deadLetterView } from '../../gateway/admin/dead-letters/view.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { visible } from '../render/text-width.ts'
import { bodyText } from './body.ts'
import { jsonText } from './json.ts'
import { configuration, keptQueue, withDeadLetters } from './open.ts'
import type { ShowOptions } from './request.ts'
import { heading, letterText } from './text.ts'

export const show = async (queue: string, id: string, options: ShowOptions, io: Io): Promise<ExitCode> => {
  const config = await configuration(options.config, io)
  const { broker, name } = keptQueue(config, queue)
  const found = await withDeadLetters(config, broker, io, (letters) => letters.show(name, id))
  if (found === undefined) {
    io.err.write(`Queue ${name} has no dead letter with the id ${visible(id)}.\n`)
    return exitCodes.findings
  }
  const { letter, message } = found
  if (options.format === 'json') {
    io.out.write(jsonText({ ...deadLetterView(letter), ...(options.body ? { body: message.body.toString('base64') } : {}) }, 2))
  } else {
    const body = options.body ? `\n${heading('body', io.out)}${bodyText(message.body)}` : ''
    io.out.write(`${letterText(letter, Date.now(), io.out)}${body}`)
  }
  return exitCodes.ok
}
