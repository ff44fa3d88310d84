import { jsonText } from '../dlq/json.ts'
import { agoText, heading } from '../dlq/text.ts'
import { CommandError } from '../exit-codes.ts'
import type { TextStream } from '../io.ts'
import { table } from '../render/table.ts'
import { visible } from '../render/text-width.ts'

/** A failure as the admin listener shows it. */
export interface ShownFailure {
  readonly kind?: string
  readonly message?: string
  readonly status?: number
  readonly code?: string
}

/** A flow as the admin listener shows it; a gateway of another version may leave something out. */
interface ShownFlow {
  readonly id: string
  readonly flow: string
  readonly state: string
  readonly createdAt?: string
  readonly updatedAt?: string
  readonly input?: unknown
  readonly output?: unknown
  readonly steps: readonly ShownStep[]
}

interface ShownStep {
  readonly name: string
  readonly state: string
  readonly attempts: number
  readonly output?: unknown
  readonly failure?: ShownFailure
}

/** @throws CommandError where it is none. */
export const shownFlow = (value: unknown): ShownFlow => {
  if (typeof value === 'object' && value !== null && 'id' in value && 'steps' in value && Array.isArray(value.steps)) return value as ShownFlow
  throw new CommandError('The admin listener answered with something else than a flow.')
}

export const failureText = ({ kind, message, code }: ShownFailure = {}): string =>
  [kind, code, message].filter((part) => part !== undefined && part !== '').join(': ')

export const timeText = (iso: string | undefined, nowMs: number): string => (iso === undefined ? '' : `${iso} (${agoText(Date.parse(iso), nowMs)})`)

/** Where it stands: the step that is under way, or what went wrong. */
const place = ({ steps }: ShownFlow): string => {
  const at = steps.find(({ state }) => state === 'not_undone' || state === 'undoing' || state === 'failed' || state === 'started')
  return at === undefined ? '' : `${at.name} ${at.state}${at.failure === undefined ? '' : ` (${at.failure.kind ?? 'unknown'})`}`
}

export const flowsText = (flows: readonly ShownFlow[], nowMs: number, out: TextStream): string =>
  table(
    ['id', 'flow', 'state', 'step', 'begun'],
    flows.map((flow) => [flow.id, flow.flow, flow.state, place(flow), agoText(Date.parse(flow.createdAt ?? ''), nowMs)]),
    // Ids are never cut, because one must be able to copy them.
    { width: undefined, style: out.style },
  )

export const flowText = (flow: ShownFlow, nowMs: number, out: TextStream): string => {
  const facts = factsText(
    [
      ['id', flow.id],
      ['flow', flow.flow],
      ['state', flow.state],
      ['begun', timeText(flow.createdAt, nowMs)],
      ['changed', timeText(flow.updatedAt, nowMs)],
    ],
    out,
  )
  const steps = table(
    ['step', 'state', 'attempts', 'failure'],
    flow.steps.map(({ name, state, attempts, failure }) => [name, state, String(attempts), failureText(failure)]),
    { width: undefined, style: out.style },
  )
  const values = (['input', 'output'] as const).flatMap((name) => valueText(name, flow[name], out))
  const outputs = flow.steps.flatMap(({ name, output }) => valueText(`output of ${name}`, output ?? undefined, out))
  return `${facts}\n${steps}${values.join('')}${outputs.join('')}`
}

const valueText = (name: string, value: unknown, out: TextStream): string[] =>
  value === undefined
    ? []
    : [
        `\n${heading(name, out)}${jsonText({ value }, 2)
          .replace(/^\{\n {2}"value": /, '')
          .replace(/\n\}\n$/, '\n')
          .replaceAll('\n  ', '\n')}`,
      ]

/** Name and value on a line each; values that are empty are left out. */
export const factsText = (facts: readonly (readonly [name: string, value: string])[], out: TextStream): string => {
  const told = facts.filter(([, value]) => value !== '')
  const width = Math.max(...told.map(([name]) => name.length))
  return told.map(([name, value]) => `${out.style('dim', name)}${' '.repeat(width - name.length)}  ${visible(value)}\n`).join('')
}
