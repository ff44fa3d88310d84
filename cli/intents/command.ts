import { Option } from 'commander'
import type { Command } from 'commander'
import { intentStates } from '../../gateway/integrations/operation.ts'
import { wholeNumber } from '../command-line.ts'
import { adminCommand } from '../flows/admin-command.ts'
import type { AdminOptions } from '../flows/admin-client.ts'
import type { IntentsRequest, ListIntentsOptions, SettleOptions } from './request.ts'

const mostListed = 100_000

/** Adds `list`, `show` and `settle` to the command `intents`. */
export const intentsCommands = (intents: Command, run: (request: IntentsRequest) => Promise<void>): void => {
  adminCommand(intents, 'list', 'List what integrations were asked to do, newest first.', [
    'headgate intents list --state review',
    'headgate intents list payment.create_payment',
  ])
    .argument('[operation]', 'INTEGRATION.OPERATION')
    .addOption(new Option('--state <state>', 'only those in this state').choices(intentStates))
    .addOption(new Option('--limit <n>', 'how many to list at most (default: 50 as text, all as json)').argParser(wholeNumber(mostListed)))
    .action((operation: string | undefined, options: ListIntentsOptions) => run({ action: 'list', operation, options }))

  adminCommand(intents, 'show', 'Show one intent.', ['headgate intents show int_3f1c09a7d2'])
    .argument('<id>', 'id of the intent')
    .action((id: string, options: AdminOptions) => run({ action: 'show', id, options }))

  adminCommand(intents, 'settle', 'Decide about an intent under review, once you know from the provider what has happened.', [
    'headgate intents settle int_3f1c09a7d2 --as completed',
    'headgate intents settle int_3f1c09a7d2 --as retry',
  ])
    .argument('<id>', 'id of the intent')
    .addOption(
      new Option('--as <decision>', 'completed: it has happened; failed: it has not, and will not; retry: it has not, do it now')
        .choices(['completed', 'failed', 'retry'])
        .makeOptionMandatory(),
    )
    .action((id: string, options: SettleOptions) => run({ action: 'settle', id, options }))
}
