import { selected } from '../../gateway/admin/dead-letters/selection.ts'
import { deadLetterSummary } from '../../gateway/admin/dead-letters/summary.ts'
import type { DeadLetterSummary } from '../../gateway/admin/dead-letters/summary.ts'
import { deadLetterView, summaryView } from '../../gateway/admin/dead-letters/view.ts'
import type { DeadLetter, DeadLetterFilter, DeadLetters } from '../../gateway/messaging/dead-letter.ts'
import type { GatewayConfig } from '../../config/model.ts'
import { CommandError, exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Io } from '../io.ts'
import { jsonText } from './json.ts'
import { configuration, keptQueue, withDeadLetters } from './open.ts'
import type { ListOptions } from './request.ts'
import { lettersText, summariesText } from './text.ts'

const defaultLimit = 50

export const list = async (queue: string | undefined, options: ListOptions, io: Io): Promise<ExitCode> => {
  const nowMs = Date.now()
  const found = selected(options, nowMs)
  if (!found.ok) throw new CommandError(found.message)
  const config = await configuration(options.config, io)
  if (queue === undefined) return summaries(config, found.filter, options, nowMs, io)
  const { broker, name } = keptQueue(config, queue)
  return withDeadLetters(config, broker, io, (letters) =>
    options.format === 'json'
      ? printed(letters, name, found.filter, options.limit, io)
      : tabled({ letters, queue: name, filter: found.filter, limit: options.limit ?? defaultLimit, nowMs }, io),
  )
}

/** All queues that keep dead letters. A broker that cannot be had is said, and does not hide the others. */
const summaries = async (config: GatewayConfig, filter: DeadLetterFilter, { format }: ListOptions, nowMs: number, io: Io): Promise<ExitCode> => {
  const kept = config.queues.filter((queue) => queue.deadLetter)
  const counted: DeadLetterSummary[] = []
  let exitCode: ExitCode = exitCodes.ok
  for (const broker of new Set(kept.map((queue) => queue.broker))) {
    try {
      await withDeadLetters(config, broker, io, async (letters) => {
        for (const { name } of kept.filter((queue) => queue.broker === broker)) counted.push(await deadLetterSummary(letters, name, filter))
      })
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      io.err.write(`${io.err.style('red', 'error:')} ${error.message}\n`)
      exitCode = error.exitCode
    }
  }
  if (format === 'json') for (const summary of counted) io.out.write(jsonText(summaryView(summary)))
  else if (counted.length > 0) io.out.write(summariesText(counted, nowMs, io.out))
  else if (kept.length === 0) io.err.write('No queue of the configuration keeps dead letters.\n')
  return exitCode
}

/** JSON Lines, each written as it is found. */
const printed = async (
  letters: DeadLetters,
  queue: string,
  filter: DeadLetterFilter,
  limit = Number.POSITIVE_INFINITY,
  io: Io,
): Promise<ExitCode> => {
  let count = 0
  for await (const letter of letters.list(queue, filter)) {
    count += 1
    if (count <= limit) io.out.write(jsonText(deadLetterView(letter)))
  }
  if (count > limit) io.err.write(`${(count - limit).toLocaleString('en')} more are not shown; see --limit.\n`)
  return count === 0 ? exitCodes.findings : exitCodes.ok
}

interface Listing {
  readonly letters: DeadLetters
  readonly queue: string
  readonly filter: DeadLetterFilter
  readonly limit: number
  readonly nowMs: number
}

const tabled = async ({ letters, queue, filter, limit, nowMs }: Listing, io: Io): Promise<ExitCode> => {
  const rows: DeadLetter[] = []
  let count = 0
  for await (const letter of letters.list(queue, filter)) {
    count += 1
    if (count <= limit) rows.push(letter)
  }
  if (count === 0) {
    io.err.write(`No dead letter of ${queue}${Object.keys(filter).length === 0 ? '' : ' matches'}.\n`)
    return exitCodes.findings
  }
  io.out.write(lettersText(rows, nowMs, io.out))
  if (count > limit) io.out.write(`${io.out.style('dim', `${(count - limit).toLocaleString('en')} more are not shown; see --limit.`)}\n`)
  return exitCodes.ok
}
