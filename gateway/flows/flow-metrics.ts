import type { FlowState } from './flows.ts'

/** What flows count. */
export interface FlowMetrics {
  /** `headgate_flow_calls_total{flow, outcome}`: attempts of steps and compensations. */
  called(flow: string, outcome: CallOutcome): void
  /** `headgate_flows_ended_total{flow, state}`. */
  ended(flow: string, state: FlowState): void
  /** `headgate_flows{state}`; replaces the earlier source. */
  states(source: () => Readonly<Record<string, number>>): void
  /** Drops the series of flows that are gone. */
  retain(flows: { has(name: string): boolean }): void
}

export type CallOutcome = 'done' | 'skipped' | 'failed' | 'again'
