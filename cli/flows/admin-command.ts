import { Option } from 'commander'
import type { Command } from 'commander'
import { configOption, examples, formatOption } from '../command-line.ts'

/** A command below `flows` or `intents`, which asks a running gateway. */
export const adminCommand = (parent: Command, name: string, summary: string, lines: readonly string[]): Command =>
  parent
    .command(name)
    .description(summary)
    .showHelpAfterError(`Run \`headgate ${parent.name()} ${name} --help\` for its options.`)
    .addHelpText('after', examples(lines))
    .addOption(configOption())
    .addOption(new Option('--admin <host:port>', 'address of the admin listener, instead of the one in the configuration'))
    .addOption(formatOption(['text', 'json']))
