import type { Command } from 'commander'
import { configOption, examples, formatOption } from '../command-line.ts'
import type { PluginListOptions, PluginNewOptions, PluginsRequest } from './request.ts'

/** Adds `list`, `show` and `new` to the command `plugins`. */
export const pluginsCommands = (plugins: Command, run: (request: PluginsRequest) => Promise<void>): void => {
  const command = (name: string, summary: string, lines: readonly string[]): Command =>
    plugins
      .command(name)
      .description(summary)
      .showHelpAfterError(`Run \`headgate plugins ${name} --help\` for its options.`)
      .addHelpText('after', examples(lines))
      .addOption(formatOption(['text', 'json']))

  command('list', 'List the built-in adapters, and with -c those that a configuration names.', [
    'headgate plugins list',
    'headgate plugins list -c gateway.yaml',
  ])
    .addOption(configOption())
    .action((options: PluginListOptions) => run({ action: 'list', options }))

  command('show', 'Show what an adapter takes and does: settings, operations, failures, events.', [
    'headgate plugins show stripe',
    'headgate plugins show acme-sms -c gateway.yaml --format json',
  ])
    .argument('<type>', 'type of the adapter')
    .addOption(configOption())
    .action((type: string, options: PluginListOptions) => run({ action: 'show', type, options }))

  command('new', 'Write a new adapter with a test that passes.', ['headgate plugins new acme-sms --capability sms'])
    .argument('<folder>', 'folder to make; its name becomes the type of the adapter')
    .option('--capability <word>', 'what the adapter is for: payments, email, auth, or a word of your own', 'messages')
    .action((folder: string, options: PluginNewOptions) => run({ action: 'new', folder, options }))
}
