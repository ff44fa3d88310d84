import type { ValidCall, ValidFlow, ValidStep } from '../resolve/input.ts'
import type { Steps } from '../source/tree.ts'
import { isContainer, placeName, pointerOf } from '../source/value.ts'
import { eventSchemaProblem } from '../values/event-schema.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { lintOperation, unknownName } from './references.ts'
import { lintTemplate, stepsInExpression, stepsInTemplate } from './templates.ts'

/** Steps that call something, in an order in which each knows what it uses, and that can be undone. */
export const lintFlows = (context: LintContext): void => {
  for (const [name, flow] of context.flows) {
    const at = ['flows', name]
    lintInput(context, [...at, 'input'], flow.input)
    lintStepNames(context, at, flow)
    flow.steps.forEach((step, index) => lintStep(context, [...at, 'steps', index], flow, index, step))
    lintTemplate(context, [...at, 'output'], flow.output, variables)
    lintOrder(context, flow, flow.steps.length, stepsInTemplate(flow.output, [...at, 'output']))
    if (flow.alert !== undefined) unknownName(context, 'alert channel', flow.alert, [...at, 'alert'])
  }
}

/** Services that flows call; undefined when that is not known. */
export const servicesOfFlows = ({ fits, flows }: LintContext): readonly string[] | undefined =>
  fits('flows')
    ? [...flows.values()].flatMap(({ steps }) =>
        steps.flatMap(({ service, compensation }) => [service ?? [], typeof compensation === 'object' ? (compensation.service ?? []) : []].flat()),
      )
    : undefined

const lintInput = ({ tree, findings }: LintContext, at: Steps, input: unknown): void => {
  const problem = input === undefined ? undefined : eventSchemaProblem(input)
  if (problem === undefined) return
  const place = [...at, ...(problem.steps ?? placeOf(input, problem.key))]
  const location = problem.key !== undefined && problem.value === undefined ? tree.keyLocation(place) : tree.valueLocation(place)
  findings.report('HG2030', location, problem.message, { hint: problem.hint, pointer: pointerOf(place) })
}

/** The first place with the key. */
const placeOf = (schema: unknown, key: string | undefined): string[] => {
  if (key === undefined || !isContainer(schema)) return []
  if (Object.hasOwn(schema, key)) return [key]
  for (const [name, child] of Object.entries(schema)) {
    const found = placeOf(child, key)
    if (found.length > 0) return [name, ...found]
  }
  return []
}

const lintStepNames = ({ tree, findings }: LintContext, at: Steps, { steps }: ValidFlow): void => {
  const first = new Map<string, number>()
  steps.forEach(({ name }, index) => {
    const before = first.get(name)
    const place = [...at, 'steps', index, 'name']
    if (before === undefined) first.set(name, index)
    else
      findings.report('HG2018', tree.valueLocation(place), `Two steps of ${placeName(at)} are named ${quoted(tree.shown(place) ?? name)}.`, {
        related: [{ message: 'first here', location: tree.valueLocation([...at, 'steps', before, 'name']) }],
        pointer: pointerOf(place),
      })
  })
}

const variables = ['input', 'steps', 'flow'] as const

const lintStep = (context: LintContext, at: Steps, flow: ValidFlow, index: number, step: ValidStep): void => {
  const { tree, findings } = context
  lintCall(context, at, step)
  lintOrder(context, flow, index, stepsOfCall(step, at))
  if (step.when !== undefined) {
    lintTemplate(context, [...at, 'when'], `{{ ${step.when} }}`, variables)
    lintOrder(
      context,
      flow,
      index,
      stepsInExpression(step.when).map((name) => ({ name, at: [...at, 'when'] })),
    )
  }
  if (typeof step.compensation === 'object') {
    const place = [...at, 'compensation']
    lintCall(context, place, step.compensation)
    lintOrder(context, flow, index + 1, stepsOfCall(step.compensation, place))
  }
  if (step.compensation !== undefined || index === flow.steps.length - 1 || canBeLeft(context, step)) return
  findings.report(
    'HG4015',
    tree.valueLocation([...at, 'name']),
    `A step after ${quoted(step.name)} may fail, and nothing says how this one is undone.`,
    {
      hint: 'Add `compensation`; `none` where there is nothing to undo.',
      pointer: pointerOf(at),
    },
  )
}

const readers = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether there is nothing to undo, or it is known how. */
const canBeLeft = ({ integrations, providers }: LintContext, { service, method, integration = '', operation = '' }: ValidStep): boolean => {
  if (service !== undefined) return readers.has(method)
  const description = providers.get(integration)?.operations.get(operation)
  // What is wrong with the call itself is said elsewhere.
  if (description === undefined) return true
  if (integrations.get(integration)?.input.operations[operation]?.compensation !== undefined) return true
  return description.idempotency === 'inherent' && Object.keys(description.undo ?? {}).length === 0
}

const stepsOfCall = ({ path, headers, body, input }: ValidCall, at: Steps): ReturnType<typeof stepsInTemplate> =>
  Object.entries({ path, headers, body, input }).flatMap(([key, source]) => stepsInTemplate(source, [...at, key]))

/** @param known How many of the steps have an output at this place. */
const lintOrder = ({ tree, findings }: LintContext, { steps }: ValidFlow, known: number, used: ReturnType<typeof stepsInTemplate>): void => {
  for (const { name, at } of used) {
    const index = steps.findIndex((step) => step.name === name)
    if (index !== -1 && index < known) continue
    const before = steps.slice(0, known).map((step) => step.name)
    const what = index === -1 ? `There is no step ${quoted(name)}` : `The step ${quoted(name)} has not run here yet`
    findings.report('HG3048', tree.valueLocation(at), tree.shown(at) === undefined ? `${what}.` : 'A step is named here that does not come before.', {
      notes: before.length === 0 ? [] : [`steps before: ${before.join(', ')}`],
      pointer: pointerOf(at),
    })
  }
}

const ofService = ['method', 'path', 'headers', 'body'] as const

export const lintCall = (context: LintContext, at: Steps, call: ValidCall): void => {
  const { tree, findings } = context
  const { service, integration, operation, path } = call
  const report = (steps: Steps, message: string, hint?: string): void =>
    findings.report('HG3047', tree.keyLocation(steps), message, { hint, pointer: pointerOf(steps) })
  if (service === undefined && integration === undefined)
    return report(at, `${placeName(at)} calls nothing.`, 'Add `service` with `path`, or `integration`.')
  if (service !== undefined && integration !== undefined)
    report([...at, 'integration'], `${placeName(at)} calls both a \`service\` and an \`integration\`.`, 'Make two steps of it, or keep one of them.')
  else if (service !== undefined) {
    if (path === undefined) report([...at, 'service'], `${placeName(at)} does not say which \`path\` of the service is called.`, 'Add `path: /...`.')
    else if (!path.startsWith('/')) report([...at, 'path'], `The path of ${placeName(at)} does not begin with a slash.`)
    for (const key of ['operation', 'input'] as const)
      if (call[key] !== undefined) report([...at, key], `\`${key}\` belongs to \`integration\`.`, key === 'input' ? 'Use `body`.' : undefined)
  } else
    for (const key of ofService)
      if (tree.isWritten([...at, key])) report([...at, key], `\`${key}\` belongs to \`service\`.`, key === 'body' ? 'Use `input`.' : undefined)
  if (service !== undefined) unknownName(context, 'service', service, [...at, 'service'])
  if (integration !== undefined) lintOperation(context, at, integration, operation)
  for (const key of ['path', 'headers', 'body', 'input'] as const) lintTemplate(context, [...at, key], call[key], variables)
}
