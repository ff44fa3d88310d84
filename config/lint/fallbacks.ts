import { conditionsFor, modeObstacle } from '../resolve/failure-modes.ts'
import type { ValidMode } from '../resolve/input.ts'
import { modeScene } from '../resolve/integrations.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

interface Edge {
  readonly from: string
  readonly to: string
  readonly steps: Steps
}

/** With all of them down, an intent would go round for ever. */
export const lintFallbackCircles = (context: LintContext): void => {
  const { tree, findings } = context
  for (const [operation, edges] of fallbacks(context)) {
    const reported = new Set<string>()
    for (const { from, to, steps } of edges) {
      const way = wayBetween(edges, to, from)
      if (way === undefined) continue
      const circle = way.toSorted().join(' ')
      if (reported.has(circle)) continue
      reported.add(circle)
      findings.report(
        'HG3042',
        tree.valueLocation([...steps, 'to']),
        `Fallbacks of ${quoted(operation)} go in a circle: ${[from, ...way].map(quoted).join(' to ')}.`,
        {
          hint: 'Take one of them away.',
          pointer: pointerOf([...steps, 'to']),
        },
      )
    }
  }
}

/** By operation: who falls back to whom. */
const fallbacks = (context: LintContext): ReadonlyMap<string, readonly Edge[]> => {
  const { catalogue, providers } = context
  const found = new Map<string, Edge[]>()
  for (const [name, { input, provider }] of context.integrations)
    for (const [operation, description] of provider.operations) {
      if (description === undefined) continue
      const at = ['integrations', name]
      const scene = modeScene({}, providers, { name, integration: input, provider, operation, description })
      const add = (modes: Readonly<Record<string, ValidMode>>, steps: Steps): void => {
        for (const [mode, one] of Object.entries(modes)) {
          const { to } = one
          if (one.then !== 'fallback' || to === undefined || to === name || !context.integrations.has(to)) continue
          if (conditionsFor(one, description, catalogue.commonKinds) === undefined || modeObstacle(one, scene) !== undefined) continue
          found.set(operation, [...(found.get(operation) ?? []), { from: name, to, steps: [...steps, mode] }])
        }
      }
      add(input.operations[operation]?.failure_modes ?? {}, [...at, 'operations', operation, 'failure_modes'])
      add(input.failure_modes, [...at, 'failure_modes'])
    }
  return found
}

/** Integrations from `start` to `end`, both included; undefined where there is no way. */
const wayBetween = (edges: readonly Edge[], start: string, end: string): string[] | undefined => {
  const ways = new Map<string, string[]>([[start, [start]]])
  // The map grows while it is walked: breadth first, each integration once.
  for (const [at, way] of ways) {
    if (at === end) return way
    for (const { from, to } of edges) if (from === at && !ways.has(to)) ways.set(to, [...way, to])
  }
  return undefined
}
