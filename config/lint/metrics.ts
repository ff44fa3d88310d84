import { nearest } from '../diagnostics/nearest.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

/** The integration metrics that the gateway always exports. */
const known = new Map<string, { readonly type: string; readonly labels: readonly string[] }>([
  ['integration_latency_ms', { type: 'histogram', labels: ['service', 'endpoint', 'status'] }],
  ['integration_errors_total', { type: 'counter', labels: ['service', 'error_type'] }],
  ['circuit_breaker_state', { type: 'gauge', labels: ['service', 'state'] }],
])

/** A declaration that differs from what is exported would be untrue. */
export const lintMetrics = ({ tree, findings, section }: LintContext): void => {
  section('metrics')?.forEach(({ name, type, labels }, index) => {
    const at = ['metrics', index]
    const right = known.get(name)
    if (right === undefined) {
      const steps = [...at, 'name']
      const guess = nearest(name, known.keys())
      return findings.report('HG2021', tree.valueLocation(steps), `There is no metric ${quoted(tree.shown(steps) ?? name)}.`, {
        hint: guess === undefined ? undefined : `Did you mean \`${guess}\`?`,
        notes: [`metrics: ${[...known.keys()].join(', ')}`],
        pointer: pointerOf(steps),
      })
    }
    const form = `\`{ name: ${name}, type: ${right.type}, labels: [${right.labels.join(', ')}] }\``
    if (type !== right.type)
      findings.report('HG2021', tree.valueLocation([...at, 'type']), `${quoted(name)} is a ${right.type}.`, {
        hint: `Write ${form}.`,
        pointer: pointerOf([...at, 'type']),
      })
    if (labels.toSorted().join() !== right.labels.toSorted().join()) {
      findings.report('HG2021', tree.valueLocation([...at, 'labels']), `${quoted(name)} has the labels ${right.labels.join(', ')}.`, {
        hint: `Write ${form}.`,
        pointer: pointerOf([...at, 'labels']),
      })
    }
  })
}
