import { Option } from 'commander'
import type { Command } from 'commander'
import { flowStates } from '../../gateway/flows/flows.ts'
import { wholeNumber } from '../command-line.ts'
import { adminCommand } from './admin-command.ts'
import type { AdminOptions } from './admin-client.ts'
import type { FlowsRequest, ListFlowsOptions } from './request.ts'

const mostListed = 100_000

/** Adds `list`, `show` and `retry` to the command `flows`. */
export const flowsCommands = (flows: Command, run: (request: FlowsRequest) => Promise<void>): void => {
  adminCommand(flows, 'list', 'List flows, newest first.', [
    'headgate flows list',
    'headgate flows list order_placement --state review',
    'headgate flows list --format json | jq -r .id',
  ])
    .argument('[flow]', 'name of the flow')
    .addOption(new Option('--state <state>', 'only those in this state').choices(flowStates))
    .addOption(new Option('--limit <n>', 'how many to list at most (default: 50 as text, all as json)').argParser(wholeNumber(mostListed)))
    .action((flow: string | undefined, options: ListFlowsOptions) => run({ action: 'list', flow, options }))

  adminCommand(flows, 'show', 'Show one flow with its steps.', ['headgate flows show flow_3f1c09a7d2'])
    .argument('<id>', 'id of the flow')
    .action((id: string, options: AdminOptions) => run({ action: 'show', id, options }))

  adminCommand(flows, 'retry', 'Go on at once with a flow that waits. In review, what a person has undone by hand counts as undone.', [
    'headgate flows retry flow_3f1c09a7d2',
  ])
    .argument('<id>', 'id of the flow')
    .action((id: string, options: AdminOptions) => run({ action: 'retry', id, options }))
}
