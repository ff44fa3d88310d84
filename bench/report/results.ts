import type { Comparison } from '../comparison.ts'
import type { Machine } from '../machine.ts'
import type { EmbeddedResult } from '../scenarios/messaging-embedded.ts'
import type { RabbitmqResult } from '../scenarios/messaging-rabbitmq.ts'
import type { StartResult } from '../scenarios/start.ts'
import type { StreamResult } from '../scenarios/stream.ts'
import type { ValidateResult } from '../scenarios/validate-config.ts'

/** One whole run of the bench, as it is written to bench/results/. */
export interface Results {
  /** ISO 8601, UTC. */
  readonly date: string
  readonly machine: Machine
  readonly settings: {
    readonly rounds: number
    readonly warmUpMs: number
    readonly durationMs: number
    readonly connections: number
    readonly quick: boolean
  }
  readonly comparison: Comparison | undefined
  readonly validate: ValidateResult | undefined
  readonly start: StartResult | undefined
  readonly stream: readonly StreamResult[] | undefined
  readonly embedded: EmbeddedResult | undefined
  readonly rabbitmq: RabbitmqResult | undefined
  /** Scenarios that could not run, with the reason. */
  readonly missing: readonly string[]
}
