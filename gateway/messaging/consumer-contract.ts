import type { ConsumerConfig, QueueConfig, TracingConfig } from '../../config/model.ts'
import type { Flows } from '../flows/flows.ts'
import type { Operations } from '../integrations/operation.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CircuitBreaker } from '../policies/circuit-breaker.ts'
import type { Service } from '../services/service.ts'
import type { Broker } from './broker.ts'
import type { JobStore } from './jobs/job-store.ts'
import type { Publisher } from './publisher.ts'
import type { Outcome } from './settlement.ts'
import type { EventGate } from './targets/target.ts'

/** Takes messages from one queue and hands them to one target, in this process. */
export interface Consumer {
  readonly config: ConsumerConfig
  /** No new deliveries; those in flight go on. */
  pause(): void
  resume(): void
  /**
   * Takes no more; returns what has not begun; lets what has begun end for `timeoutMs`, then cuts it off and releases it uncounted.
   * Resolves when nothing is in flight. A second call can only shorten the time.
   */
  drain(timeoutMs: number): Promise<void>
  status(): ConsumerStatus
}

export interface ConsumerStatus {
  readonly name: string
  readonly queue: string
  readonly target: string
  /** `slowed`: the circuit breaker of the target is open. */
  readonly state: 'running' | 'paused' | 'slowed' | 'draining'
  /** Being handled now; deliveries held unsettled. */
  readonly inFlight: number
  readonly held: number
  readonly settled: Readonly<Record<Outcome, number>>
  readonly retries: number
  readonly redeliveries: number
  readonly breaker: { readonly state: CircuitBreaker['state'] } | undefined
  readonly lastError: { readonly type: string; readonly atMs: number } | undefined
}

export interface ConsumerDeps {
  readonly broker: Pick<Broker, 'subscribe'>
  readonly queue: QueueConfig
  /** The service of `deliverTo`, where that is one. */
  readonly service: Service | undefined
  readonly publisher: Publisher
  /** What consumers call that deliver to an integration or a flow. */
  readonly operations: Operations
  readonly flows: Flows
  /** Where events go, for consumers that deliver to `events`. */
  readonly gate: EventGate
  readonly jobs: Pick<JobStore, 'update'>
  /** Deliveries to a service count like the calls of a route too; their endpoint is the path of `deliverTo`. */
  readonly metrics: Pick<Metrics, 'messaging' | 'latency' | 'errors' | 'transitions'>
  readonly tracing: TracingConfig
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** This process's part of the limits, when several share the work: `prefetch` and `concurrency` are for all of them together. */
  readonly share: { readonly index: number; readonly count: number }
  /** Milliseconds on a monotonic clock, and since the epoch. */
  now(): number
  epochNow(): number
  random(): number
}
