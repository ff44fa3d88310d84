import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import type { GatewayConfig } from '../config/model.ts'
import type { ConsumerStatus } from './messaging/consumer-contract.ts'
import type { MessagingStatus } from './messaging/messaging.ts'

/** A listener as the operating system bound it: port 0 has become a real one. */
export interface BoundListener {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** The part of a runtime that a fleet drives: one process's data plane. */
export interface DataPlane<Status extends object = object> {
  /** All or nothing: throws and leaves the running generation untouched. */
  apply(config: GatewayConfig): Promise<void>
  readonly listeners: readonly BoundListener[]
  status(): Status
  /** Stops or resumes the deliveries to a consumer. @returns False when there is no such consumer. */
  pauseConsumer(name: string, paused: boolean): boolean
  drain(): Promise<DrainResult>
  close(): Promise<void>
}

export interface DrainResult {
  /** False when requests or deliveries were cut off because `shutdown.drain_timeout` passed. */
  readonly drained: boolean
}

/** One metric with its series, as prom-client's `getMetricsAsJSON` gives it. */
export type MetricSnapshot = MetricObjectWithValues<MetricValue<string>>

/** What the controller drives: the data plane of this process, or those of several workers. */
export interface Fleet {
  /** First call starts the listeners; later calls swap the configuration everywhere or nowhere. */
  apply(config: GatewayConfig): Promise<void>
  readonly listeners: readonly BoundListener[]
  /** Why the data plane takes no traffic at the moment; undefined when it does. */
  unready(): string | undefined
  status(): Promise<object>
  /** Prometheus text. */
  metrics(): Promise<string>
  /** One entry per consumer; the numbers of several processes are added up. */
  consumers(): Promise<readonly ConsumerStatus[]>
  /** Stops or resumes the deliveries to a consumer everywhere. @returns False when there is no such consumer. */
  pauseConsumer(name: string, paused: boolean): Promise<boolean>
  drain(): Promise<DrainResult>
  close(): Promise<void>
}

/** The fleet of `workers: 1`: the data plane runs in this process. */
export const localFleet = (plane: DataPlane<Pick<MessagingStatus, 'consumers'>>, metricsText: () => Promise<string>): Fleet => ({
  apply: (config) => plane.apply(config),
  get listeners() {
    return plane.listeners
  },
  unready: () => undefined,
  status: () => Promise.resolve(plane.status()),
  metrics: metricsText,
  consumers: () => Promise.resolve(plane.status().consumers),
  pauseConsumer: (name, paused) => Promise.resolve(plane.pauseConsumer(name, paused)),
  drain: () => plane.drain(),
  close: () => plane.close(),
})
