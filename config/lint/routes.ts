import type { RouteMatch } from '../model.ts'
import { resolveMatch, routeId } from '../resolve/route.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintRule } from './context.ts'

interface Candidate {
  readonly lintRule: LintRule
  readonly match: RouteMatch
  /** What headers and query must hold: name to value, undefined for any value. */
  readonly conditions: ReadonlyMap<string, string | undefined>
}

/**
 * Two rules tie when one request can match both and no step of the order decides: path, host, methods given or not,
 * number of headers, number of query parameters. Rules that could tie meet in one bucket, so that ten thousand rules
 * cost about as much as they are long; each rule is compared with the conditions of those before it only.
 */
export const lintRoutes = (context: LintContext): void => {
  const buckets = new Map<string, ConditionIndex>()
  const candidates = context.rules.map((lintRule) => candidate(lintRule))
  for (const current of candidates) {
    const tied = new Set<Candidate>()
    for (const key of bucketKeys(current.match)) {
      const index = buckets.get(key)
      if (index === undefined) buckets.set(key, new ConditionIndex(current))
      else {
        const other = index.compatible(current)
        if (other !== undefined) tied.add(other)
        index.add(current)
      }
    }
    for (const other of tied) reportTie(context, other, current)
  }
  lintCovered(context, candidates)
}

const candidate = (lintRule: LintRule): Candidate => {
  const match = resolveMatch(lintRule.rule)
  const conditions = new Map<string, string | undefined>()
  for (const { name, value } of match.headers) conditions.set(`h:${name}`, value)
  for (const { name, value } of match.query) conditions.set(`q:${name}`, value)
  return { lintRule, match, conditions }
}

/** Paths that are equal but for the names of parameters match the same requests; all others are decided by the path. */
const shapeOf = ({ segments, prefix, trailingSlash }: RouteMatch): string =>
  `${segments.map((segment) => ('param' in segment ? '{}' : segment.literal)).join('/')}${prefix ? '/*' : trailingSlash ? '/' : ''}`

const bucketKeys = (match: RouteMatch): string[] => {
  const shape = shapeOf(match)
  const keys: string[] = []
  for (const host of match.hosts.length === 0 ? [''] : match.hosts) {
    for (const method of match.methods.length === 0 ? [''] : match.methods)
      keys.push(`${shape} ${host} ${method} ${match.headers.length} ${match.query.length}`)
  }
  return keys
}

/** Rules of one bucket by the names of their conditions, so that rules that differ in one value never meet. */
class ConditionIndex {
  readonly #groups = new Map<string, Candidate[]>()
  readonly #byValues = new Map<string, Map<string, Candidate>>()

  constructor(first: Candidate) {
    this.add(first)
  }

  add(added: Candidate): void {
    const names = namesOf(added.conditions)
    const group = this.#groups.get(names)
    if (group === undefined) this.#groups.set(names, [added])
    else group.push(added)
    for (const [key, values] of this.#byValues) {
      const [groupNames = '', common = ''] = key.split('\n\n')
      if (groupNames === names) values.set(valuesOf(added.conditions, common.split('\n')), added)
    }
  }

  /** A rule whose conditions one request can meet together with those of `current`. */
  compatible(current: Candidate): Candidate | undefined {
    for (const [names, group] of this.#groups) {
      const fixed = group[0]?.conditions ?? new Map<string, string | undefined>()
      const common = [...current.conditions]
        .filter(([name, value]) => value !== undefined && fixed.get(name) !== undefined)
        .map(([name]) => name)
        .sort()
      const found = this.#values(names, common, group).get(valuesOf(current.conditions, common))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The rules of a group by the values that they want for `common`; built when first needed. */
  #values(names: string, common: readonly string[], group: readonly Candidate[]): Map<string, Candidate> {
    const key = `${names}\n\n${common.join('\n')}`
    const known = this.#byValues.get(key)
    if (known !== undefined) return known
    const values = new Map(group.map((each) => [valuesOf(each.conditions, common), each]))
    this.#byValues.set(key, values)
    return values
  }
}

/** Names of the conditions, with a mark where any value will do. */
const namesOf = (conditions: Candidate['conditions']): string =>
  [...conditions]
    .map(([name, value]) => (value === undefined ? `${name}\t*` : name))
    .sort()
    .join('\n')

const valuesOf = (conditions: Candidate['conditions'], names: readonly string[]): string =>
  JSON.stringify(names.map((name) => conditions.get(name) ?? null))

const reportTie = ({ tree, findings }: LintContext, first: Candidate, second: Candidate): void => {
  const at = ['routing_rules', second.lintRule.index]
  const location = tree.valueLocation([...at, 'path'])
  const related = [{ message: 'the other rule is here', location: tree.valueLocation(['routing_rules', first.lintRule.index, 'path']) }]
  const shown = quoted(tree.shown([...at, 'path']) ?? second.match.path)
  const pointer = pointerOf([...at, 'path'])
  if (routeId(first.match) === routeId(second.match)) {
    const same = first.match.path === second.match.path ? '' : ' The names of parameters make no difference.'
    return findings.report('HG3005', location, `Another rule matches exactly the same requests as this one for ${shown}.${same}`, {
      hint: 'Remove one, or add `methods`, `hosts`, `headers` or `query`.',
      related,
      pointer,
    })
  }
  findings.report(
    'HG3006',
    location,
    `Some requests match both this rule for ${shown} and another, and neither is more specific${overlap(first.match, second.match)}.`,
    {
      hint: 'Give one of them a more specific `path`, or conditions that exclude each other.',
      related,
      pointer,
    },
  )
}

const overlap = (a: RouteMatch, b: RouteMatch): string => {
  const common = b.methods.filter((method) => a.methods.includes(method))
  if (common.length === 1 && common[0] === 'HEAD') return ' (HEAD, which GET includes)'
  if (common.length > 0) return ` (${common.join(', ')})`
  const names = [...new Set([a.headers, a.query, b.headers, b.query].flat().map(({ name }) => name))]
  return names.length < 2 ? '' : ` (a request may carry ${names.join(' and ')})`
}

/** The methods of RFC 9110 and PATCH that a gateway forwards. */
const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** A rule for all methods is never reached when rules with methods, and nothing else, take all of them. */
const lintCovered = ({ tree, findings }: LintContext, candidates: readonly Candidate[]): void => {
  const covered = new Map<string, Set<string>>()
  const keysOf = (match: RouteMatch): string[] => (match.hosts.length === 0 ? [''] : match.hosts).map((host) => `${shapeOf(match)} ${host}`)
  for (const { match, conditions } of candidates) {
    if (match.methods.length === 0 || conditions.size > 0) continue
    for (const key of keysOf(match)) covered.set(key, new Set([...(covered.get(key) ?? []), ...match.methods]))
  }
  for (const { lintRule, match } of candidates) {
    if (match.methods.length > 0 || !keysOf(match).every((key) => usualMethods.every((method) => covered.get(key)?.has(method)))) continue
    const at = ['routing_rules', lintRule.index, 'path']
    findings.report(
      'HG4003',
      tree.valueLocation(at),
      `No request reaches this rule for ${quoted(tree.shown(at) ?? match.path)}: other rules for the same path take every method.`,
      { pointer: pointerOf(at) },
    )
  }
}
