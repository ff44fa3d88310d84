import type { OperationDescription } from '../adapters.ts'
import { canRaise, conditionsFor, type ModeObstacle, modeObstacle, queueing, statusRanges } from '../resolve/failure-modes.ts'
import type { ValidCondition, ValidMode } from '../resolve/input.ts'
import { modeScene } from '../resolve/integrations.ts'
import type { Steps } from '../source/tree.ts'
import { placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintIntegration } from './context.ts'
import { unknownName } from './references.ts'

/** One operation of an integration that can be looked at. */
interface Candidate {
  readonly operation: string
  readonly description: OperationDescription
}

/** Modes that can happen, that are reached, and whose action is possible. */
export const lintFailureModes = (context: LintContext): void => {
  const used = usedOperations(context)
  for (const [name, integration] of context.integrations) {
    const all = [...integration.provider.operations].flatMap(([operation, description]): Candidate[] =>
      description === undefined ? [] : [{ operation, description }],
    )
    const { input } = integration
    const at = ['integrations', name]
    lintModes(context, [...at, 'failure_modes'], input.failure_modes, all)
    for (const [mode, one] of Object.entries(input.failure_modes)) {
      const affected = all.filter(({ description }) => conditionsFor(one, description, context.catalogue.commonKinds) !== undefined)
      const stuck = affected.map((candidate) => ({ candidate, obstacle: obstacleOf(context, name, integration, candidate, one) }))
      const wanted = stuck.filter(
        ({ candidate }) => Object.hasOwn(input.operations, candidate.operation) || used.has(`${name}.${candidate.operation}`),
      )
      // What is impossible for some operations is left out for them; it is a mistake where they are used, or where none is left.
      const found =
        wanted.find(({ obstacle }) => obstacle !== undefined) ?? (stuck.every(({ obstacle }) => obstacle !== undefined) ? stuck[0] : undefined)
      if (found?.obstacle !== undefined) reportObstacle(context, [...at, 'failure_modes', mode], one, found.obstacle, name, found.candidate.operation)
    }
    for (const [operation, own] of Object.entries(input.operations)) {
      const candidate = all.find((one) => one.operation === operation)
      if (candidate === undefined) continue
      const steps = [...at, 'operations', operation, 'failure_modes']
      lintModes(context, steps, own.failure_modes, [candidate])
      for (const [mode, one] of Object.entries(own.failure_modes)) {
        const obstacle = obstacleOf(context, name, integration, candidate, one)
        if (obstacle !== undefined) reportObstacle(context, [...steps, mode], one, obstacle, name, operation)
      }
    }
  }
}

const obstacleOf = (
  { section, fits, providers }: LintContext,
  name: string,
  { input, provider }: LintIntegration,
  { operation, description }: Candidate,
  mode: ValidMode,
): ModeObstacle | undefined => {
  const consumers = section('consumers')
  // Without knowing all consumers, nobody can say which queue it would be.
  if (queueing.has(mode.then) && !fits('consumers')) return undefined
  const scene = modeScene({ ...(consumers && { consumers }) }, providers, { name, integration: input, provider, operation, description })
  return modeObstacle(mode, scene)
}

/** `integration.operation` of everything that a rule, a consumer, a flow or an alert calls. */
const usedOperations = ({ rawRules, consumers, flows, section }: LintContext): ReadonlySet<string> => {
  const used = new Set<string>()
  const add = (call: { readonly integration?: unknown; readonly operation?: unknown } | undefined): void => {
    if (typeof call?.integration === 'string' && typeof call.operation === 'string') used.add(`${call.integration}.${call.operation}`)
  }
  for (const { rule } of rawRules) add(rule)
  for (const { deliver_to: target } of consumers.values()) add(target)
  for (const step of [...flows.values()].flatMap(({ steps }) => steps)) {
    add(step)
    if (typeof step.compensation === 'object') add(step.compensation)
  }
  for (const alert of Object.values(section('alerts') ?? {})) if (alert.type === 'email') add({ integration: alert.integration, operation: 'send' })
  return used
}

/** What can be said of a list of modes without knowing what they lead to. */
export const lintModes = (context: LintContext, at: Steps, modes: Readonly<Record<string, ValidMode>>, operations: readonly Candidate[]): void => {
  const earlier: { readonly name: string; readonly when: readonly ValidCondition[] }[] = []
  for (const [name, mode] of Object.entries(modes)) {
    const steps = [...at, name]
    if (operations.length > 0)
      mode.when.forEach((condition, index) => lintKind(context, [...steps, 'when', index, 'kind'], condition.kind, operations))
    lintReached(context, steps, mode, earlier)
    lintKeys(context, steps, mode)
    lintNames(context, steps, mode)
    earlier.push({ name, when: mode.when })
  }
}

const lintKind = (
  { tree, findings, catalogue, suggest }: LintContext,
  at: Steps,
  kind: string | undefined,
  operations: readonly Candidate[],
): void => {
  if (kind === undefined || catalogue.kinds.length === 0) return
  const shown = tree.shown(at)
  if (!catalogue.kinds.includes(kind)) {
    const guess = shown === undefined ? suggest(kind, catalogue.kinds) : undefined
    findings.report('HG2015', tree.valueLocation(at), `${quoted(shown ?? kind)} is no kind of failure.`, {
      hint: guess === undefined ? undefined : `Did you mean \`${guess}\`?`,
      notes: [`choices: ${catalogue.kinds.join(', ')}`],
      pointer: pointerOf(at),
    })
    return
  }
  if (operations.some(({ description }) => canRaise(description, catalogue.commonKinds, kind))) return
  const [only] = operations
  const who = operations.length === 1 && only !== undefined ? quoted(only.operation) : `No operation of ${placeName(at.slice(0, 2))}`
  const extra = [...new Set(operations.flatMap(({ description }) => description.kinds ?? []))]
  findings.report(
    'HG3036',
    tree.valueLocation(at),
    `${who} ${operations.length === 1 ? 'can never' : 'can ever'} fail with ${quoted(shown ?? kind)}.`,
    {
      hint: 'Remove it.',
      notes: [`kinds: ${[...catalogue.commonKinds, ...extra].join(', ')}`],
      pointer: pointerOf(at),
    },
  )
}

const lintReached = (
  { tree, findings }: LintContext,
  at: Steps,
  { when }: ValidMode,
  earlier: readonly { readonly name: string; readonly when: readonly ValidCondition[] }[],
): void => {
  const before = earlier.flatMap((one) => one.when)
  if (!when.every((condition) => isCovered(condition, before))) return
  const first = earlier.find((one) => one.when.some((condition) => isCovered(when[0] ?? {}, [condition]))) ?? earlier[0]
  findings.report('HG3037', tree.keyLocation(at), `${quoted(String(at.at(-1)))} is never reached: earlier modes take all that it is for.`, {
    hint: 'Put it before them, or remove it.',
    related: first === undefined ? [] : [{ message: `\`${first.name}\` is here`, location: tree.keyLocation([...at.slice(0, -1), first.name]) }],
    pointer: pointerOf(at),
  })
}

/** Whether each failure that fits `condition` fits one of those before. */
const isCovered = ({ kind, status, code }: ValidCondition, before: readonly ValidCondition[]): boolean => {
  const wider = before.filter((one) => (one.kind === undefined || one.kind === kind) && (one.code === undefined || one.code === code))
  if (wider.some((one) => one.status === undefined)) return true
  if (status === undefined) return false
  const ranges = wider.flatMap((one) => (one.status === undefined ? [] : statusRanges(one.status)))
  return statusRanges(status).every(({ from, to }) => {
    for (let each = from; each <= to; each += 1) if (!ranges.some((range) => range.from <= each && each <= range.to)) return false
    return true
  })
}

const queueActions = ['queue', 'back_off_and_queue'] as const

/** Keys that say more about some actions, and whether those need them. */
const keys = [
  { key: 'queue', actions: queueActions, needed: false },
  { key: 'delay', actions: queueActions, needed: false },
  { key: 'to', actions: ['fallback'], needed: true },
  { key: 'template', actions: ['use_default_template'], needed: true },
  { key: 'alert', actions: ['log_and_alert', 'notify', 'manual_review', 'idempotent_retry'], needed: false },
  {
    key: 'status',
    actions: [...queueActions, 'idempotent_retry', 'log_and_alert', 'skip', 'notify', 'manual_review'],
    needed: false,
  },
] as const satisfies readonly { key: keyof ValidMode; actions: readonly ValidMode['then'][]; needed: boolean }[]

const lintKeys = ({ tree, findings }: LintContext, at: Steps, mode: ValidMode): void => {
  for (const { key, actions, needed } of keys) {
    const belongs = actions.some((action) => action === mode.then)
    if (mode[key] === undefined) {
      if (belongs && needed)
        findings.report('HG1005', tree.keyLocation([...at, 'then']), `${placeName(at)} has no \`${key}\`.`, {
          hint: `\`${mode.then}\` needs it beside it.`,
          pointer: pointerOf(at),
        })
    } else if (!belongs)
      findings.report('HG3050', tree.keyLocation([...at, key]), `\`${key}\` does not belong to \`then: ${mode.then}\`.`, {
        hint: `It belongs to ${actions.map((action) => `\`${action}\``).join(', ')}.`,
        pointer: pointerOf([...at, key]),
      })
  }
}

const lintNames = (context: LintContext, at: Steps, mode: ValidMode): void => {
  if (mode.queue !== undefined && queueing.has(mode.then)) unknownName(context, 'queue', mode.queue, [...at, 'queue'])
  if (mode.to !== undefined && mode.then === 'fallback') unknownName(context, 'integration', mode.to, [...at, 'to'])
  if (mode.alert !== undefined) unknownName(context, 'alert channel', mode.alert, [...at, 'alert'])
}

const reportObstacle = (context: LintContext, at: Steps, mode: ValidMode, obstacle: ModeObstacle, integration: string, operation: string): void => {
  const { tree, findings, queueNames } = context
  const who = quoted(`${integration}.${operation}`)
  const to = quoted(tree.shown([...at, 'to']) ?? mode.to ?? '')
  const report = (code: Parameters<typeof findings.report>[0], key: string, message: string, hint?: string): void =>
    findings.report(code, tree.valueLocation([...at, key]), message, { hint, pointer: pointerOf([...at, key]) })
  switch (obstacle) {
    case 'no_queue':
      return report(
        'HG3038',
        'then',
        `It is not clear into which queue the intents of ${who} go.`,
        `Add \`queue\` here or at the integration, or one consumer with \`deliver_to: { integration: ${integration}.${operation} }\`.`,
      )
    case 'nobody_continues': {
      const queue = mode.queue ?? context.integrations.get(integration)?.input.queue ?? ''
      if (queueNames?.has(queue) === false) return undefined
      const key = mode.queue === undefined ? 'then' : 'queue'
      return report(
        'HG3039',
        key,
        `No consumer delivers from the queue ${quoted(tree.shown([...at, 'queue']) ?? queue)} to ${quoted(integration)}: intents would wait there for ever.`,
        `Add a consumer of it with \`deliver_to: { integration: ${integration}.${operation} }\`.`,
      )
    }
    case 'repeated_twice':
      return report(
        'HG3040',
        'then',
        `Each repetition of ${who} could do it again: the provider gets no idempotency key.`,
        'Use `manual_review`, or `queue` for failures that say that nothing has happened.',
      )
    case 'fallback_self':
      return report('HG3041', 'to', `${to} cannot stand in for itself.`)
    case 'fallback_capability':
      return report(
        'HG3041',
        'to',
        `${to} is for \`${context.providers.get(mode.to ?? '')?.adapter.capability ?? ''}\`, and ${quoted(integration)} for \`${context.providers.get(integration)?.adapter.capability ?? ''}\`.`,
      )
    case 'fallback_operation':
      return report('HG3041', 'to', `${to} has no operation ${quoted(operation)}.`)
    case 'moved_twice':
      return report(
        'HG3043',
        'to',
        `After such a failure ${who} may have been done all the same, and ${to} would do it a second time: the customer is charged twice.`,
        'Use `idempotent_retry`; fall back on `service_down`, `rate_limited` or `circuit_open`.',
      )
    case 'no_template':
      return report('HG3044', 'then', `The input of ${who} names no template.`)
    case 'no_local':
      return report('HG3045', 'then', `The adapter cannot answer for ${who} without the provider.`)
  }
}
