import type { Steps } from '../source/tree.ts'
import { placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

const kinds = {
  service: { code: 'HG3001', section: 'services', names: 'serviceNames' },
  broker: { code: 'HG3012', section: 'brokers', names: 'brokerNames' },
  queue: { code: 'HG3013', section: 'queues', names: 'queueNames' },
  event: { code: 'HG3014', section: 'events', names: 'eventNames' },
  integration: { code: 'HG3027', section: 'integrations', names: 'integrationNames' },
  flow: { code: 'HG3029', section: 'flows', names: 'flowNames' },
  'alert channel': { code: 'HG3031', section: 'alerts', names: 'alertNames' },
} as const

/** Reports a name that leads nowhere. @returns The name that was probably meant; undefined also where `name` is a good one. */
export const unknownName = (context: LintContext, kind: keyof typeof kinds, name: string, steps: Steps): string | undefined => {
  const { tree, findings, suggest } = context
  const { code, section, names: key } = kinds[kind]
  const names = context[key]
  if (names === undefined || names.has(name) || tree.isBroken(steps)) return undefined
  const shown = tree.shown(steps)
  const guess = shown === undefined ? suggest(name, names) : undefined
  const list = [...names]
  findings.report(code, tree.valueLocation(steps), `There is no ${kind} ${quoted(shown ?? name)}.`, {
    hint: guess === undefined ? `Declare it under \`${section}\`.` : `Did you mean \`${guess}\`?`,
    notes:
      list.length === 0 ? [] : [`declared ${section}: ${list.slice(0, 10).join(', ')}${list.length > 10 ? `, and ${list.length - 10} more` : ''}`],
    pointer: pointerOf(steps),
  })
  return guess
}

/** A list of events; `all` stands for all of them. */
export const lintEventNames = (context: LintContext, events: readonly unknown[], steps: Steps): void => {
  const { tree, findings } = context
  events.forEach((name, index) => {
    if (typeof name === 'string' && name !== '' && name !== 'all') unknownName(context, 'event', name, [...steps, index])
  })
  if (!events.includes('all')) return
  if (events.length > 1) findings.report('HG4006', tree.keyLocation(steps), 'Names beside `all` have no effect: it stands for all events.')
  if (context.eventNames?.size === 0)
    findings.report('HG3014', tree.valueLocation(steps), 'There are no events that `all` could stand for.', {
      hint: 'Declare them under `events`.',
      pointer: pointerOf(steps),
    })
}

/**
 * An operation of an integration, named or not.
 * @param at Where `integration` and `operation` stand.
 */
export const lintOperation = (context: LintContext, at: Steps, integration: string, operation: string | undefined): void => {
  const { tree, findings } = context
  unknownName(context, 'integration', integration, [...at, 'integration'])
  const provider = context.providers.get(integration)
  if (provider === undefined) return
  const operations = [...provider.operations.keys()]
  if (operation === undefined) {
    const steps = [...at, 'integration']
    findings.report('HG3028', tree.valueLocation(steps), `${placeName(at)} does not say which operation of ${quoted(integration)} is meant.`, {
      hint: operations[0] === undefined ? 'Declare one under `operations`.' : `Write \`${integration}.${operations[0]}\`, or another one.`,
      notes: operations.length === 0 ? [] : [`operations: ${operations.join(', ')}`],
      pointer: pointerOf(steps),
    })
    return
  }
  if (!operations.includes(operation)) unknownOperation(context, integration, operation, [...at, 'operation'])
}

/** @param steps Where it is named. */
export const unknownOperation = (context: LintContext, integration: string, operation: string, steps: Steps): void => {
  const { tree, findings, suggest } = context
  if (tree.isBroken(steps)) return
  const operations = [...(context.providers.get(integration)?.operations.keys() ?? [])]
  const shown = tree.shown(steps)
  const guess = shown === undefined ? suggest(operation, operations) : undefined
  // Under `operations` it is the key that names it.
  const location = steps.at(-2) === 'operations' ? tree.keyLocation(steps) : tree.valueLocation(steps)
  findings.report('HG3028', location, `The integration ${quoted(integration)} has no operation ${quoted(shown ?? operation)}.`, {
    hint: guess === undefined ? undefined : `Did you mean \`${guess}\`?`,
    notes: operations.length === 0 ? [] : [`operations: ${operations.join(', ')}`],
    pointer: pointerOf(steps),
  })
}
