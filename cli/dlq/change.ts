import { selectedForChange } from '../../gateway/admin/dead-letters/selection.ts'
import { deadLetterCount } from '../../gateway/admin/dead-letters/summary.ts'
import type { DeadLetterFilter, DeadLetters } from '../../gateway/messaging/dead-letter.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { CommandError, exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { countText } from '../render/quantities.ts'
import { visible } from '../render/text-width.ts'
import { jsonText } from './json.ts'
import { configuration, keptQueue, withDeadLetters } from './open.ts'
import { progressLine } from './progress.ts'
import type { ChangeOptions } from './request.ts'

type Action = 'replay' | 'drop'

interface Change {
  readonly action: Action
  readonly queue: string
  readonly filter: DeadLetterFilter
  readonly options: ChangeOptions
}

const done: Readonly<Record<Action, string>> = { replay: 'Replayed', drop: 'Dropped' }
const doing: Readonly<Record<Action, string>> = { replay: 'replaying', drop: 'dropping' }

/** Replays or drops. The whole queue must be asked for with `--all`. */
export const change = async (action: Action, queue: string, ids: readonly string[], options: ChangeOptions, io: Io): Promise<ExitCode> => {
  const found = selectedForChange({ ...options, ids }, Date.now(), '`--all`')
  if (!found.ok) throw new CommandError(found.message)
  const config = await configuration(options.config, io)
  const { broker, name } = keptQueue(config, queue)
  return withDeadLetters(config, broker, io, (letters) => changed(letters, { action, queue: name, filter: found.filter, options }, io))
}

const changed = async (letters: DeadLetters, what: Change, io: Io): Promise<ExitCode> => {
  const { action, queue, filter, options } = what
  if (options.dryRun) {
    const matched = await deadLetterCount(letters, queue, filter)
    return reported(what, { matched, done: 0 }, `Would ${action} ${lettersOf(matched, queue)}.`, io)
  }
  if (action === 'drop' && options.yes !== true && io.ask !== undefined) {
    const matched = await deadLetterCount(letters, queue, filter)
    if (matched > 0 && !isYes(await io.ask(`Drop ${lettersOf(matched, queue)} for good? [y/N] `))) {
      io.err.write('Nothing was dropped.\n')
      return exitCodes.findings
    }
  }
  const count = await run(letters, what, io)
  return reported(what, { matched: count, done: count }, `${done[action]} ${lettersOf(count, queue)}.`, io)
}

const run = async (letters: DeadLetters, { action, queue, filter }: Change, io: Io): Promise<number> => {
  const line = progressLine(`${doing[action]} dead letters of ${queue}:`, io.err, Date.now)
  let soFar = 0
  try {
    return await letters[action](queue, filter, (count) => {
      soFar = count
      line.tick(count)
    })
  } catch (error) {
    if (!(error instanceof GatewayError) || soFar === 0) throw error
    throw new CommandError(
      `${visible(error.message)} ${done[action]} ${countText(soFar, 'dead letter')} before that; the others are where they were.`,
    )
  } finally {
    line.end()
  }
}

const reported = (
  { action, queue, filter, options }: Change,
  result: { readonly matched: number; readonly done: number },
  sentence: string,
  io: Io,
): ExitCode => {
  const missing = (filter.ids?.length ?? 0) - result.matched
  if (options.format === 'json') io.out.write(jsonText({ action, queue, dryRun: options.dryRun, ...result }))
  else if (result.matched > 0) io.out.write(`${sentence}\n`)
  if (result.matched === 0) io.err.write(`No dead letter of ${queue} matches.\n`)
  else if (missing > 0) io.err.write(`No dead letter was found for ${missing} of the ids.\n`)
  return result.matched === 0 ? exitCodes.findings : exitCodes.ok
}

const lettersOf = (count: number, queue: string): string =>
  `${count.toLocaleString('en')} ${count === 1 ? 'dead letter' : 'dead letters'} of ${queue}`

const isYes = (answer: string): boolean => /^y(?:es)?$/i.test(answer.trim())
