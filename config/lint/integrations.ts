import type { OperationDescription } from '../adapters.ts'
import { idempotencyOf } from '../resolve/failure-modes.ts'
import type { ValidOperation } from '../resolve/input.ts'
import type { TlsTexts } from '../resolve/tls.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintIntegration } from './context.ts'
import { lintFailureModes } from './failure-modes.ts'
import { lintFallbackCircles } from './fallbacks.ts'
import type { ReadFile } from './named-file.ts'
import { unknownName, unknownOperation } from './references.ts'
import { lintTls } from './tls.ts'

/** Every integration against its adapter. @param files Takes the absolute names of files that were read. @returns PEM texts by integration. */
export const lintIntegrations = (context: LintContext, readFile: ReadFile, files: string[]): ReadonlyMap<string, TlsTexts> => {
  const tls = new Map<string, TlsTexts>()
  for (const [name, integration] of context.integrations) {
    const { input } = integration
    const at = ['integrations', name]
    if (input.tls !== undefined) tls.set(name, lintTls(context, [...at, 'tls'], input.tls, readFile, files))
    lintAddress(context, at, integration)
    lintAuth(context, at, integration)
    if (input.queue !== undefined) unknownName(context, 'queue', input.queue, [...at, 'queue'])
    for (const [operation, own] of Object.entries(input.operations)) {
      const steps = [...at, 'operations', operation]
      if (!integration.provider.operations.has(operation)) unknownOperation(context, name, operation, steps)
      const description = integration.provider.operations.get(operation)
      if (description !== undefined) lintOwn(context, steps, own, description, integration)
    }
  }
  lintFailureModes(context)
  lintFallbackCircles(context)
  return tls
}

const lintAddress = ({ tree, findings }: LintContext, at: Steps, { input, provider: { adapter } }: LintIntegration): void => {
  if (adapter.baseUrl === false && input.base_url !== undefined)
    findings.report(
      'HG3015',
      tree.keyLocation([...at, 'base_url']),
      `The adapter ${quoted(adapter.type)} does not speak HTTP, so it has no \`base_url\`.`,
      {
        hint: 'Its `settings` say where the provider is.',
        pointer: pointerOf([...at, 'base_url']),
      },
    )
  if (adapter.baseUrl === undefined && input.base_url === undefined)
    findings.report('HG1005', tree.keyLocation(at), `${at.join('.')} has no \`base_url\`.`, {
      hint: `The adapter ${quoted(adapter.type)} does not know where the provider is.`,
      pointer: pointerOf(at),
    })
}

const lintAuth = ({ tree, findings }: LintContext, at: Steps, { input, provider: { adapter } }: LintIntegration): void => {
  const { auth } = input
  const takes = adapter.auth.map((type) => `\`${type}\``).join(', ')
  if (auth === undefined) {
    if (adapter.auth.includes('none')) return
    findings.report('HG4014', tree.keyLocation(at), `${at.join('.')} has no \`auth\`, and the adapter ${quoted(adapter.type)} takes ${takes}.`, {
      hint: 'Add `auth`.',
      pointer: pointerOf(at),
    })
    return
  }
  const steps = [...at, 'auth']
  if (!adapter.auth.includes(auth.type))
    findings.report('HG3032', tree.valueLocation([...steps, 'type']), `The adapter ${quoted(adapter.type)} does not take \`${auth.type}\`.`, {
      hint: `It takes ${takes}.`,
      pointer: pointerOf([...steps, 'type']),
    })
  else if (auth.type === 'oauth2' && auth.token_url === undefined && adapter.tokenUrl === undefined)
    findings.report('HG3032', tree.keyLocation(steps), `${steps.join('.')} has no \`token_url\`.`, {
      hint: `The adapter ${quoted(adapter.type)} does not know where tokens are given out.`,
      pointer: pointerOf(steps),
    })
}

const lintOwn = (context: LintContext, at: Steps, own: ValidOperation, description: OperationDescription, { provider }: LintIntegration): void => {
  const { tree, findings } = context
  const [, integration = '', , operation = ''] = at.map(String)
  const problem = idempotencyProblem(own.idempotency, description)
  if (problem !== undefined)
    findings.report('HG3033', tree.valueLocation([...at, 'idempotency']), `${quoted(`${integration}.${operation}`)} ${problem}.`, {
      hint: `Write \`${idempotencyOf(undefined, description)}\`, or leave it out.`,
      pointer: pointerOf([...at, 'idempotency']),
    })
  lintCompensation(context, at, own, description)
  if (own.batch === undefined) return
  const steps = [...at, 'batch']
  if (description.maxBatch === undefined)
    findings.report(
      'HG3035',
      tree.keyLocation(steps),
      `The adapter ${quoted(provider.adapter.type)} sends calls of ${quoted(operation)} one by one.`,
      {
        hint: 'Remove `batch`.',
        pointer: pointerOf(steps),
      },
    )
  else if (own.batch.size > description.maxBatch && tree.isWritten([...steps, 'size']))
    findings.report(
      'HG3035',
      tree.valueLocation([...steps, 'size']),
      `The provider takes ${description.maxBatch} calls of ${quoted(operation)} at once at most.`,
      {
        hint: `Write \`${description.maxBatch}\` or less.`,
        pointer: pointerOf([...steps, 'size']),
      },
    )
}

const idempotencyProblem = (written: ValidOperation['idempotency'], { idempotency: nature }: OperationDescription): string | undefined => {
  if (written === 'built-in' && nature !== 'inherent') return 'is done again by each repetition, so nothing is built in'
  return written === 'required' && nature === 'none' ? 'takes no idempotency key: the provider knows none' : undefined
}

const lintCompensation = (
  { tree, findings, suggest }: LintContext,
  at: Steps,
  { compensation }: ValidOperation,
  { undo = {} }: OperationDescription,
): void => {
  if (compensation === undefined || compensation === 'manual_review' || Object.hasOwn(undo, compensation)) return
  const steps = [...at, 'compensation']
  const shown = tree.shown(steps)
  const choices = [...Object.keys(undo), 'manual_review']
  const guess = shown === undefined ? suggest(compensation, choices) : undefined
  findings.report('HG3034', tree.valueLocation(steps), `${quoted(shown ?? compensation)} does not undo ${quoted(String(at.at(-1)))}.`, {
    hint: guess === undefined ? undefined : `Did you mean \`${guess}\`?`,
    notes: [`choices: ${choices.join(', ')}`],
    pointer: pointerOf(steps),
  })
}
