import type { TextStream } from '../io.ts'
import { countText, durationText } from '../render/quantities.ts'
import { visible } from '../render/text-width.ts'
import type { ExplainedOperation } from './operation.ts'
import { policiesText, whole } from './policies-text.ts'

/**
 * An operation of a provider: what holds for it, and what is done about each failure.
 * @param deadlineMs Of a caller who waits; undefined for messages, whose consumer says how often and how long.
 */
export const operationText = (operation: ExplainedOperation, deadlineMs: number | undefined, stream: TextStream): string[] => [
  `${stream.style('bold', 'Operation')} ${visible(operation.name)} by ${visible(operation.provider)}  ${stream.style('dim', operation.origin)}\n`,
  ...(deadlineMs === undefined ? [] : [worstCaseText(operation, deadlineMs, stream)]),
  modesText(operation, stream),
  policiesText(`Policies of ${operation.name}`, operation.policies, stream),
]

const worstCaseText = ({ name, worstCase }: ExplainedOperation, deadlineMs: number, stream: TextStream): string => {
  const { attempts, repeatable, waitMs } = worstCase
  const sum = `${countText(attempts, 'attempt')}${attempts === 1 ? '' : ' and the longest backoffs between them'}`
  const lines = [
    deadlineMs < waitMs
      ? `  wait   ${durationText(deadlineMs)} (the deadline; without it ${durationText(waitMs)}: ${sum})`
      : `  wait   ${durationText(waitMs)} (${sum})`,
  ]
  if (!repeatable && attempts > 1) lines.push('         it is repeated only when it was never sent: the provider gets no idempotency key')
  return `${stream.style('bold', `Worst case of ${visible(name)}`)}\n${lines.join('\n')}\n`
}

const modesText = ({ name, failureModes }: ExplainedOperation, stream: TextStream): string => {
  const title = stream.style('bold', `Failures of ${visible(name)}`)
  if (failureModes.length === 0) return `${title}\n  no failure modes: the caller is told of each failure\n`
  const rows = failureModes.map((mode) => [mode.name, mode.when, mode.does, mode.told, mode.origin])
  return `${title}\n${whole(['mode', 'when', 'the intent', 'the caller gets', 'from'], rows, stream)}`
}
