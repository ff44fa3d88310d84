import type { ErrorCode } from '../errors.ts'
import type { FailureKind } from '../plugin.ts'
import { emptyFlowSeries } from './flow-series.ts'
import type { FlowSeries } from './flow-series.ts'
import { emptyIntegrationSeries } from './integration-series.ts'
import type { IntegrationSeries } from './integration-series.ts'
import { kindCounter } from './kind-counter.ts'
import type { KindCounter } from './kind-counter.ts'
import { latencySeries } from './latency-series.ts'
import type { LatencySeries } from './latency-series.ts'
import { emptyMessagingSeries } from './messaging-series.ts'
import type { MessagingSeries } from './messaging-series.ts'
import { ownedSeries } from './owned-series.ts'
import type { OwnedSeries } from './owned-series.ts'

/** What a call failed of: the code of the gateway's error in lower case, an answer of 500..599 by the service itself, or how an operation failed. */
export type ErrorType = Lowercase<ErrorCode> | 'http_5xx' | FailureKind
export type BreakerState = 'closed' | 'open' | 'half_open'
/** What had too many: connections of clients, requests in flight, or calls waiting for a service. */
export type ShedReason = 'connections' | 'requests' | 'upstream'

export interface BreakerSample {
  readonly service: string
  readonly state: BreakerState
}

export interface UpstreamSample {
  readonly service: string
  /** Origin, `http://127.0.0.1:9101`. */
  readonly address: string
  readonly healthy: boolean
  readonly inFlight: number
}

export interface ReloadOutcome {
  readonly ok: boolean
  /** Of the configuration that serves now, whether or not the reload worked. */
  readonly generation: number
  readonly hash: string
}

/** All that one worker counts, before it has names and labels. */
export interface Series {
  /** By service, then by path pattern. */
  readonly latencies: OwnedSeries<OwnedSeries<LatencySeries>>
  readonly errors: OwnedSeries<KindCounter<ErrorType>>
  readonly transitions: OwnedSeries<KindCounter<BreakerState>>
  /** By route; kinds are made by `requestKind`. */
  readonly requests: OwnedSeries<KindCounter<number>>
  readonly retries: OwnedSeries<{ retried: number; exhausted: number }>
  readonly sheds: KindCounter<ShedReason>
  readonly reloads: KindCounter<'success' | 'failure'>
  readonly gauges: { requestsInFlight: number; connections: number; draining: number }
  readonly totals: { connections: number; accessLogDropped: number }
  readonly messaging: MessagingSeries
  readonly integrations: IntegrationSeries
  readonly flows: FlowSeries
  breakers: () => Iterable<BreakerSample>
  upstreams: () => Iterable<UpstreamSample>
  lastReload: (ReloadOutcome & { readonly atMs: number }) | undefined
}

export const emptySeries = (): Series => ({
  latencies: ownedSeries((service) => ownedSeries((endpoint) => latencySeries(service, endpoint))),
  errors: ownedSeries(() => kindCounter()),
  transitions: ownedSeries(() => kindCounter()),
  requests: ownedSeries(() => kindCounter()),
  retries: ownedSeries(() => ({ retried: 0, exhausted: 0 })),
  sheds: kindCounter(),
  reloads: kindCounter(),
  gauges: { requestsInFlight: 0, connections: 0, draining: 0 },
  totals: { connections: 0, accessLogDropped: 0 },
  messaging: emptyMessagingSeries(),
  integrations: emptyIntegrationSeries(),
  flows: emptyFlowSeries(),
  breakers: () => [],
  upstreams: () => [],
  lastReload: undefined,
})
