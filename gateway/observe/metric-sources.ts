import type { MetricSource, Sample } from './metric-export.ts'

/** Counters of several workers are added up. */
export const counter = (name: string, help: string, collect: () => Sample[]): MetricSource => ({
  name,
  help,
  type: 'counter',
  aggregator: 'sum',
  collect,
})

export const gauge = (name: string, help: string, aggregator: MetricSource['aggregator'], collect: () => Sample[]): MetricSource => ({
  name,
  help,
  type: 'gauge',
  aggregator,
  collect,
})

export const single = (value: number): Sample[] => [{ labels: {}, value }]
