import type { MatchVerdict } from '../../gateway/http/route-table.ts'

/** Rules worth a line each; a person reads no more. */
const mostShown = 20

export interface Others {
  readonly shown: readonly MatchVerdict[]
  /** Rules that start differently, or that did not fit. */
  readonly hidden: number
}

/** The rules that were not chosen, nearest first: those that match too, then those that fail for the fewest reasons. */
export const others = (verdicts: readonly MatchVerdict[], path: string): Others => {
  const rest = verdicts.filter(({ verdict }) => verdict !== 'chosen')
  const near = rest.length <= mostShown ? rest : rest.filter((verdict) => isNear(verdict, path))
  const shown = [...near].sort((left, right) => distance(left) - distance(right)).slice(0, mostShown)
  return { shown, hidden: rest.length - shown.length }
}

const distance = ({ verdict, reasons }: MatchVerdict): number => (verdict === 'less_specific' ? 0 : reasons.length)

/** Whether the rule begins as the path does, or could begin with anything. */
const isNear = ({ route, verdict }: MatchVerdict, path: string): boolean => {
  if (verdict === 'less_specific') return true
  const first = route.match.segments[0]
  return first === undefined || 'param' in first || first.literal === path.split('/')[1]
}
