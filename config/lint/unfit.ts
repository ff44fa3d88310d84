import type { ValidMode } from '../resolve/input.ts'
import type { Steps } from '../source/tree.ts'
import { isMapping, type Mapping, pointerOf, pointerSteps } from '../source/value.ts'
import type { LintContext } from './context.ts'
import { lintModes } from './failure-modes.ts'
import { lintCall } from './flows.ts'
import { lintOperation, unknownName, unknownOperation } from './references.ts'

/**
 * Integrations and flows that do not fit the schema somewhere: what does not depend on that is looked at all the same, so that no mistake hides
 * another one.
 */
export const lintUnfit = (context: LintContext): void => {
  const fits = fitting(context)
  for (const [name, integration] of mappings(context.tree.root['integrations']))
    if (!context.integrations.has(name)) lintIntegration(context, ['integrations', name], integration, fits)
  for (const [name, flow] of mappings(context.tree.root['flows'])) if (!context.flows.has(name)) lintFlow(context, ['flows', name], flow, fits)
}

/** Whether nothing but keys that nobody knows was reported within a place. */
type Fits = (at: Steps, value: unknown) => boolean

/** As it is now: findings of later checks do not count. */
export const fitting = ({ findings, tree }: Pick<LintContext, 'findings' | 'tree'>): Fits => {
  const touched = new Set<string>()
  const touch = (pointer: string): void => {
    const steps = pointerSteps(pointer)
    steps.forEach((_, index) => touched.add(pointerOf(steps.slice(0, index + 1))))
  }
  for (const { code, severity, pointer } of findings) if (severity === 'error' && code !== 'HG1003' && pointer !== undefined) touch(pointer)
  for (const pointer of findings.unusable) touch(pointer)
  return (at, value) => !touched.has(pointerOf(at)) && !(isMapping(value) && tree.provenance.hasBroken(value))
}

const mappings = (section: unknown): [string, Mapping][] =>
  isMapping(section) ? Object.entries(section).flatMap(([name, value]) => (isMapping(value) ? [[name, value]] : [])) : []

const lintIntegration = (context: LintContext, at: Steps, integration: Mapping, fits: Fits): void => {
  const [, name = ''] = at.map(String)
  const provider = context.providers.get(name)
  if (typeof integration['queue'] === 'string') unknownName(context, 'queue', integration['queue'], [...at, 'queue'])
  const modesAt = (steps: Steps, modes: unknown, only?: string): void => {
    const good = mappings(modes).filter(([mode, value]) => fits([...steps, mode], value)) as unknown as [string, ValidMode][]
    const candidates = [...(provider?.operations ?? [])].flatMap(([operation, description]) =>
      description === undefined || (only !== undefined && only !== operation) ? [] : [{ operation, description }],
    )
    lintModes(context, steps, Object.fromEntries(good), candidates)
  }
  modesAt([...at, 'failure_modes'], integration['failure_modes'])
  for (const [operation, own] of mappings(integration['operations'])) {
    const steps = [...at, 'operations', operation]
    if (provider?.operations.has(operation) === false) unknownOperation(context, name, operation, steps)
    modesAt([...steps, 'failure_modes'], own['failure_modes'], operation)
  }
}

const lintFlow = (context: LintContext, at: Steps, flow: Mapping, fits: Fits): void => {
  const { steps, alert } = flow
  if (typeof alert === 'string') unknownName(context, 'alert channel', alert, [...at, 'alert'])
  if (!Array.isArray(steps)) return
  steps.forEach((step: unknown, index) => {
    if (!isMapping(step)) return
    const place = [...at, 'steps', index]
    for (const [call, where] of [[step, place] as const, [step['compensation'], [...place, 'compensation']] as const]) {
      if (!isMapping(call)) continue
      const { service, integration, operation } = call
      if (fits(where, call)) lintCall(context, where, call)
      else if (typeof service === 'string') unknownName(context, 'service', service, [...where, 'service'])
      else if (typeof integration === 'string') lintOperation(context, where, integration, typeof operation === 'string' ? operation : undefined)
    }
  })
}
