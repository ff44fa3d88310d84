import { Option } from 'commander'
import type { Command } from 'commander'
import { deadLetterReasons } from '../../gateway/messaging/settlement.ts'
import { configOption, examples, formatOption, wholeNumber } from '../command-line.ts'
import type { ChangeOptions, DlqRequest, ListOptions, ShowOptions } from './request.ts'

const mostListed = 100_000

/** Adds `list`, `show`, `replay` and `drop` to the command `dlq`. */
export const dlqCommands = (dlq: Command, run: (request: DlqRequest) => Promise<void>): void => {
  const command = (name: string, summary: string, lines: readonly string[]): Command =>
    dlq
      .command(name)
      .description(summary)
      .showHelpAfterError(`Run \`headgate dlq ${name} --help\` for its options.`)
      .addHelpText('after', examples(lines))
      .addOption(configOption())
      .addOption(formatOption(['text', 'json']))

  filtered(
    command('list', 'List the dead letters of a queue, oldest first; without a queue, how many each queue has.', [
      'headgate dlq list',
      'headgate dlq list payment.process --reason failed --since 1h',
      'headgate dlq list payment.process --format json | jq -r .id',
    ]).argument('[queue]', 'name of the queue'),
  )
    .addOption(new Option('--limit <n>', 'how many to list at most (default: 50 as text, all as json)').argParser(wholeNumber(mostListed)))
    .action((queue: string | undefined, options: ListOptions) => run({ action: 'list', queue, options }))

  command('show', 'Show everything that is known of one dead letter.', [
    'headgate dlq show payment.process 0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44',
    'headgate dlq show payment.process 0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44 --body',
  ])
    .argument('<queue>', 'name of the queue')
    .argument('<id>', 'id of the message')
    .option('--body', 'print the body as well: text as text, JSON indented, anything else in hexadecimal; in json, as base64', false)
    .action((queue: string, id: string, options: ShowOptions) => run({ action: 'show', queue, id, options }))

  changing(
    command('replay', 'Put dead letters back into their queue, with a fresh count of deliveries.', [
      'headgate dlq replay payment.process 0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44',
      'headgate dlq replay payment.process --error status_503 --dry-run',
      'headgate dlq replay payment.process --all',
    ]),
    'replay',
  ).action((queue: string, ids: readonly string[], options: ChangeOptions) => run({ action: 'replay', queue, ids, options }))

  changing(
    command('drop', 'Remove dead letters for good.', [
      'headgate dlq drop payment.process --reason rejected --until 7d',
      'headgate dlq drop payment.process --all --yes',
    ]),
    'drop',
  )
    .option('-y, --yes', 'do not ask on a terminal', false)
    .action((queue: string, ids: readonly string[], options: ChangeOptions) => run({ action: 'drop', queue, ids, options }))
}

const filtered = (command: Command): Command =>
  command
    .addOption(new Option('--reason <reason>', 'only those parked for this reason').choices(deadLetterReasons))
    .option('--error <type>', 'only those whose last error is of this type, such as status_503')
    .option('--since <time>', 'only those parked since: an age such as 1h, or a time such as 2026-03-01T10:00:00Z')
    .option('--until <time>', 'only those parked before: an age or a time')

const changing = (command: Command, verb: string): Command =>
  filtered(command.argument('<queue>', 'name of the queue').argument('[ids...]', 'ids of messages'))
    .option('--all', `${verb} everything that the filter leaves, or the whole queue where there is none`, false)
    .option('--dry-run', 'say how many there would be and change nothing', false)
