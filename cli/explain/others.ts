import type { PathSegment } from '../../config/model.ts'
import { routeTable } from '../../gateway/http/route-table.ts'
import type { MatchInput, MatchVerdict } from '../../gateway/http/route-table.ts'

/** Rules worth a line each; a person reads no more. */
const mostShown = 20

export interface Others {
  readonly shown: readonly MatchVerdict[]
  /** Rules that start differently, or that did not fit. */
  readonly hidden: number
}

/** The rules that were not chosen, nearest first: those that match too, those whose path matches, then those that begin alike. */
export const others = (verdicts: readonly MatchVerdict[], request: MatchInput): Others => {
  const rest = verdicts.filter(({ verdict }) => verdict !== 'chosen')
  const near = rest.length <= mostShown ? rest : rest.filter((verdict) => isNear(verdict, request))
  const ranked = near.map((verdict) => ({ verdict, distance: distance(verdict, request) })).sort((left, right) => left.distance - right.distance)
  const shown = ranked.slice(0, mostShown).map(({ verdict }) => verdict)
  return { shown, hidden: rest.length - shown.length }
}

/** More than a rule can have reasons. */
const otherPath = 1000

const distance = ({ route, verdict, reasons }: MatchVerdict, request: MatchInput): number => {
  if (verdict === 'less_specific') return 0
  const pathOnly = { ...route.match, methods: [], hosts: [], headers: [], query: [] }
  if (routeTable([[pathOnly, true] as const]).find(request) !== undefined) return reasons.length
  return otherPath - sharedSegments(route.match.segments, request.path)
}

/** How many segments the rule and the path begin with in common. */
const sharedSegments = (segments: readonly PathSegment[], path: string): number => {
  const parts = path.split('/').slice(1)
  const different = segments.findIndex((segment, index) => 'literal' in segment && segment.literal !== parts[index])
  return different === -1 ? segments.length : different
}

/** Whether the rule begins as the path does, or could begin with anything. */
const isNear = ({ route, verdict }: MatchVerdict, { path }: MatchInput): boolean => {
  if (verdict === 'less_specific') return true
  const first = route.match.segments[0]
  return first === undefined || 'param' in first || first.literal === path.split('/')[1]
}
