import type { Counts } from './checker.ts'

export type BrokerKind = 'embedded' | 'rabbitmq'

/** Full size as in the promises, or short enough for the test suite. */
export type Size = 'full' | 'short'

/** One promise, and whether it was kept. */
export interface Check {
  readonly promise: string
  readonly kept: boolean
  /** What was seen. */
  readonly seen: string
}

export interface RunResult {
  readonly scenario: string
  readonly broker: BrokerKind
  readonly counts: Counts
  readonly checks: readonly Check[]
  readonly seconds: number
}

/** What a scenario needs from outside. */
export interface Surroundings {
  readonly size: Size
  readonly seed: number
  /** Progress, for a person. */
  tell(line: string): void
}

export interface Scenario {
  readonly name: string
  /** What is done to the system, in a few words. */
  readonly about: string
  /** Where it applies; the embedded broker has no process of its own that could be killed or cut off. */
  readonly brokers: readonly BrokerKind[]
  run(broker: BrokerKind, surroundings: Surroundings): Promise<RunResult>
}

export const atMost = (promise: string, value: number, limit: number, unit = ''): Check => ({
  promise,
  kept: value <= limit,
  seen: `${text(value)}${unit}, at most ${text(limit)}${unit}`,
})

export const exactly = (promise: string, value: number | undefined, wanted: number): Check => ({
  promise,
  kept: value === wanted,
  seen: value === wanted ? text(wanted) : `${value === undefined ? 'unknown' : text(value)} instead of ${text(wanted)}`,
})

const text = (value: number): string => (Number.isFinite(value) ? (Math.round(value * 100) / 100).toLocaleString('en') : 'never')
