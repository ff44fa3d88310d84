import { Command, CommanderError, Option } from 'commander'
import { collected, configOption, examples, formatOption, wholeNumber } from './command-line.ts'
import { dlqCommands } from './dlq/command.ts'
import type { DlqRequest } from './dlq/request.ts'
import { CommandError, exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { flowsCommands } from './flows/command.ts'
import type { FlowsRequest } from './flows/request.ts'
import { intentsCommands } from './intents/command.ts'
import type { IntentsRequest } from './intents/request.ts'
import type { Io } from './io.ts'
import { pluginsCommands } from './plugins/command.ts'
import type { PluginsRequest } from './plugins/request.ts'
import { version } from './version.ts'

export interface RunOptions {
  readonly config?: readonly string[]
  readonly listen?: string
  readonly admin?: string
  readonly workers: number
  readonly format: 'text' | 'json'
}

export interface ValidateOptions {
  readonly format: 'text' | 'json' | 'sarif' | 'github'
  readonly strict: boolean
}

export interface ExplainOptions {
  readonly config?: readonly string[]
  readonly header?: readonly string[]
  readonly format: 'text' | 'json'
}

export interface ConfigOptions {
  readonly config?: readonly string[]
  readonly format: 'yaml' | 'json'
  readonly origins: boolean
}

/** What the program calls; each is loaded only when its command is asked for, so that starting costs no more than it must. */
export interface Commands {
  run(options: RunOptions): Promise<ExitCode>
  validate(paths: readonly string[], options: ValidateOptions): Promise<ExitCode>
  explain(method: string, target: string, options: ExplainOptions): Promise<ExitCode>
  config(options: ConfigOptions): Promise<ExitCode>
  schema(): Promise<ExitCode>
  dlq(request: DlqRequest): Promise<ExitCode>
  plugins(request: PluginsRequest): Promise<ExitCode>
  flows(request: FlowsRequest): Promise<ExitCode>
  intents(request: IntentsRequest): Promise<ExitCode>
}

/** Most workers that can be asked for: far past the cores of any machine, far below what would exhaust one by a slip of the finger. */
const mostWorkers = 256

/**
 * Reads the command line and runs what it asks for.
 * @param args Arguments after the program's name.
 */
export const runProgram = async (args: readonly string[], io: Io, commands: Commands): Promise<ExitCode> => {
  let exitCode: ExitCode = exitCodes.ok
  const program = new Command('headgate')
    .description('Integration gateway: the integration design document, as YAML that runs.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText(
      'after',
      examples(['headgate run', 'headgate validate --format github deploy/', 'headgate explain GET /api/users/42', 'headgate run --help']),
    )
    .addHelpText('after', '\nExit codes: 0 fine, 1 findings, 2 something cannot be read or the command line is wrong.')
    .exitOverride()
    .showHelpAfterError('Run `headgate --help` for the commands and their options.')
    .configureOutput({
      writeOut: io.out.write,
      writeErr: io.err.write,
      getOutHelpWidth: () => io.out.columns ?? 100,
      getErrHelpWidth: () => io.err.columns ?? 100,
    })

  const command = (name: string, summary: string, lines: readonly string[]): Command =>
    program
      .command(name)
      .description(summary)
      .showHelpAfterError(`Run \`headgate ${name} --help\` for its options.`)
      .addHelpText('after', examples(lines))

  command('run', 'Start the gateway; reload on file changes, SIGHUP and POST /-/reload.', [
    'headgate run',
    'headgate run -c base.yaml -c production.yaml --workers 4',
    'headgate run --listen 127.0.0.1:8080 --admin 127.0.0.1:9900',
  ])
    .addOption(configOption())
    .option('--listen <host:port>', 'address of the listener, instead of the one in the configuration')
    .option('--admin <host:port>', 'address of the admin listener, instead of the one in the configuration')
    .addOption(new Option('--workers <n>', 'processes that serve').argParser(wholeNumber(mostWorkers)).default(1))
    .addOption(formatOption(['text', 'json']))
    .action(async (options: RunOptions) => {
      exitCode = await commands.run(options)
    })

  command('validate', 'Check a configuration and report all findings at once.', [
    'headgate validate',
    'headgate validate base.yaml production.yaml',
    'headgate validate --strict --format sarif > findings.sarif',
  ])
    .argument('[paths...]', 'files or folders, layered as with `run -c` (default: ./gateway.yaml)')
    .addOption(formatOption(['text', 'json', 'sarif', 'github']))
    .option('--strict', 'let warnings fail as well', false)
    .action(async (paths: readonly string[], options: ValidateOptions) => {
      exitCode = await commands.validate(paths, options)
    })

  command('explain', 'Show which rule a request takes, and everything that then applies to it.', [
    'headgate explain GET /api/users/42',
    "headgate explain POST https://api.example.com/orders -H 'x-tenant: a'",
  ])
    .argument('<method>', 'HTTP method')
    .argument('<target>', 'path or URL')
    .option('-H, --header <header>', "request header, 'name: value'; may be repeated", collected)
    .addOption(configOption())
    .addOption(formatOption(['text', 'json']))
    .action(async (method: string, target: string, options: ExplainOptions) => {
      exitCode = await commands.explain(method, target, options)
    })

  command('config', 'Print the effective configuration: layers merged, defaults filled in.', [
    'headgate config',
    'headgate config --origins -c base.yaml -c production.yaml',
  ])
    .addOption(configOption())
    .addOption(formatOption(['yaml', 'json']))
    .option('--origins', 'say where each value comes from', false)
    .action(async (options: ConfigOptions) => {
      exitCode = await commands.config(options)
    })

  command('schema', 'Print the JSON Schema of the configuration, for editors.', ['headgate schema > gateway.schema.json']).action(async () => {
    exitCode = await commands.schema()
  })

  const dlq = command('dlq', 'List, show, replay and drop dead letters, whether or not a gateway runs.', [
    'headgate dlq list',
    'headgate dlq replay payment.process --error status_503',
  ])
  dlqCommands(dlq, async (request) => {
    exitCode = await commands.dlq(request)
  })

  const plugins = command('plugins', 'List and describe provider adapters, and write new ones.', [
    'headgate plugins list',
    'headgate plugins show stripe',
    'headgate plugins new acme-sms --capability sms',
  ])
  pluginsCommands(plugins, async (request) => {
    exitCode = await commands.plugins(request)
  })

  const flows = command('flows', 'List and show the flows of a running gateway, and go on with those that wait for a person.', [
    'headgate flows list --state review',
    'headgate flows show flow_3f1c09a7d2',
  ])
  flowsCommands(flows, async (request) => {
    exitCode = await commands.flows(request)
  })

  const intents = command('intents', 'List and show what integrations were asked to do, and decide about what is under review.', [
    'headgate intents list --state review',
    'headgate intents settle int_3f1c09a7d2 --as completed',
  ])
  intentsCommands(intents, async (request) => {
    exitCode = await commands.intents(request)
  })

  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return exitCodeOf(error, io)
  }
}

const exitCodeOf = (error: unknown, io: Io): ExitCode => {
  // Commander has written its message by now. It ends with 1 on wrong usage, which here means findings.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.unusable
  if (error instanceof CommandError) {
    io.err.write(`${io.err.style('red', 'error:')} ${error.message}\n`)
    return error.exitCode
  }
  throw error
}
