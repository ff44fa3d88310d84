import type { Steps } from '../source/tree.ts'
import { isMapping, placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, RawRule } from './context.ts'
import { lintEventNames, lintOperation, unknownName } from './references.ts'

const targets = ['service', 'split', 'queue', 'events', 'integration', 'flow', 'webhook', 'respond', 'redirect'] as const

/**
 * Each rule has one target, which this version can run and which exists. Also looks at rules that do not fit the schema elsewhere.
 * @param delivered Services that consumers deliver to; undefined when that is not known.
 */
export const lintTargets = (context: LintContext, delivered: ReadonlySet<string> | undefined): void => {
  const used = new Set<string>(delivered)
  for (const rule of context.rawRules) {
    lintTarget(context, rule)
    for (const { name, steps } of references(rule)) {
      used.add(unknownName(context, 'service', name, steps) ?? name)
    }
    lintMessages(context, rule)
  }
  lintChecks(context)
  if (context.rulesComplete && delivered !== undefined) lintUnused(context, used)
  if (context.rulesComplete && context.rules.length === 0 && !context.findings.hasErrors) {
    context.findings.report('HG4007', context.tree.keyLocation(['routing_rules']), 'There are no routing rules: every request is answered with 404.')
  }
}

const lintTarget = ({ tree, findings }: LintContext, { index, rule, misspelt }: RawRule): void => {
  const at: Steps = ['routing_rules', index]
  const shown = quoted(tree.shown([...at, 'path']) ?? (typeof rule['path'] === 'string' ? rule['path'] : placeName(at)))
  const given = targets.filter((target) => rule[target] !== undefined)
  const [first, second] = given
  if (first === undefined && !misspelt) {
    findings.report('HG3002', tree.keyLocation(at), `The rule for ${shown} has no target.`, {
      hint: 'Add `service`, `split`, `queue`, `events`, `integration`, `flow`, `webhook`, `respond` or `redirect`.',
      pointer: pointerOf(at),
    })
  }
  if (first !== undefined && second !== undefined) {
    findings.report(
      'HG3003',
      tree.keyLocation([...at, second]),
      `The rule for ${shown} has several targets: ${given.map((name) => `\`${name}\``).join(', ')}.`,
      {
        hint: 'Keep one of them.',
        related: [{ message: `\`${first}\` is here`, location: tree.keyLocation([...at, first]) }],
        pointer: pointerOf([...at, second]),
      },
    )
  }
  const { split } = rule
  if (Array.isArray(split) && split.length > 0 && split.every((choice: unknown) => isMapping(choice) && choice['weight'] === 0)) {
    findings.report(
      'HG2016',
      tree.keyLocation([...at, 'split']),
      `All weights of ${placeName([...at, 'split'])} are 0, so no service can be chosen.`,
      { pointer: pointerOf([...at, 'split']) },
    )
  }
}

const lintMessages = (context: LintContext, { index, rule }: RawRule): void => {
  const { queue, events, integration, operation, flow, webhook } = rule
  const at = ['routing_rules', index]
  if (typeof integration === 'string' && integration !== '')
    lintOperation(context, at, integration, typeof operation === 'string' ? operation : undefined)
  if (typeof flow === 'string' && flow !== '') unknownName(context, 'flow', flow, [...at, 'flow'])
  if (typeof webhook === 'string' && webhook !== '') lintWebhook(context, webhook, [...at, 'webhook'])
  if (typeof queue === 'string' && queue !== '') unknownName(context, 'queue', queue, ['routing_rules', index, 'queue'])
  if (Array.isArray(events)) lintEventNames(context, events, ['routing_rules', index, 'events'])
}

const lintWebhook = (context: LintContext, name: string, steps: Steps): void => {
  const { tree, findings } = context
  unknownName(context, 'integration', name, steps)
  const adapter = context.providers.get(name)?.adapter
  if (adapter === undefined || adapter.webhook !== undefined) return
  findings.report(
    'HG3049',
    tree.valueLocation(steps),
    `The adapter ${quoted(adapter.type)} of ${quoted(tree.shown(steps) ?? name)} has no webhooks.`,
    {
      pointer: pointerOf(steps),
    },
  )
}

interface Reference {
  readonly name: string
  readonly steps: Steps
}

/** Every service that a rule names. */
const references = ({ index, rule }: RawRule): Reference[] => {
  const at: Steps = ['routing_rules', index]
  const found: Reference[] = []
  const add = (name: unknown, ...steps: (string | number)[]): void => {
    if (typeof name === 'string' && name !== '') found.push({ name, steps: [...at, ...steps] })
  }
  add(rule['service'], 'service')
  if (Array.isArray(rule['split']))
    rule['split'].forEach((choice: unknown, choiceIndex) => isMapping(choice) && add(choice['service'], 'split', choiceIndex, 'service'))
  if (isMapping(rule['mirror'])) add(rule['mirror']['service'], 'mirror', 'service')
  return found
}

const lintChecks = (context: LintContext): void => {
  const { tree, findings } = context
  const first = new Map<string, number>()
  context.section('health_checks')?.internal_services?.forEach(({ service }, index) => {
    const steps = ['health_checks', 'internal_services', index, 'service']
    unknownName(context, 'service', service, steps)
    const before = first.get(service)
    if (before === undefined) first.set(service, index)
    else {
      findings.report(
        'HG2018',
        tree.valueLocation(steps),
        `The service ${quoted(tree.shown(steps) ?? service)} has two entries in health_checks.internal_services.`,
        {
          related: [{ message: 'first here', location: tree.valueLocation(['health_checks', 'internal_services', before, 'service']) }],
        },
      )
    }
  })
}

const lintUnused = ({ tree, findings, serviceNames }: LintContext, used: ReadonlySet<string>): void => {
  for (const name of serviceNames ?? []) {
    if (!used.has(name))
      findings.report('HG4002', tree.keyLocation(['services', name]), `No rule uses the service ${quoted(name)}.`, {
        pointer: pointerOf(['services', name]),
      })
  }
}
