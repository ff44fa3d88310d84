import type { CallOutcome, FlowMetrics } from '../flows/flow-metrics.ts'
import type { FlowState } from '../flows/flows.ts'
import { kindCounter } from './kind-counter.ts'
import type { KindCounter } from './kind-counter.ts'
import type { MetricSource, Sample } from './metric-export.ts'
import { counter, gauge } from './metric-sources.ts'
import { ownedSeries } from './owned-series.ts'
import type { OwnedSeries } from './owned-series.ts'

export interface FlowSeries {
  /** By flow, as the next one. */
  readonly calls: OwnedSeries<KindCounter<CallOutcome>>
  readonly endings: OwnedSeries<KindCounter<FlowState>>
  states: () => Readonly<Record<string, number>>
}

export const emptyFlowSeries = (): FlowSeries => ({
  calls: ownedSeries(() => kindCounter()),
  endings: ownedSeries(() => kindCounter()),
  states: () => ({}),
})

/** How those who count see the series. */
export const flowMetrics = (series: FlowSeries): FlowMetrics => ({
  called: (flow, outcome) => series.calls.of(flow).add(outcome),
  ended: (flow, state) => series.endings.of(flow).add(state),
  states: (source) => void (series.states = source),
  retain: (flows) => {
    series.calls.retain(flows)
    series.endings.retain(flows)
  },
})

export const flowCatalogue = (series: FlowSeries): readonly MetricSource[] => [
  // A fact of the store, the same for every worker that asks.
  gauge('headgate_flows', 'Flows by state.', 'max', () => Object.entries(series.states()).map(([state, value]) => ({ labels: { state }, value }))),
  counter('headgate_flows_ended_total', 'Flows that have ended, or were parked for review, by state.', () => perFlow(series.endings, 'state')),
  counter('headgate_flow_calls_total', 'Attempts of steps and compensations by what they came to.', () => perFlow(series.calls, 'outcome')),
]

const perFlow = (series: OwnedSeries<KindCounter<string>>, label: string): Sample[] =>
  [...series.entries()].flatMap(([flow, { counts }]) => Array.from(counts, ([kind, value]) => ({ labels: { flow, [label]: kind }, value })))
