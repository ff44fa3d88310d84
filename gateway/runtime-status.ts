import type { RouteTarget } from '../config/model.ts'
import type { Generation } from './generation.ts'
import type { MessagingStatus } from './messaging/messaging.ts'
import type { Metrics } from './observe/metrics.ts'
import type { CircuitStatus } from './policies/circuit-breaker.ts'
import type { ProvidersStatus } from './providers.ts'
import type { ServiceStatus } from './services/service.ts'

/** What `/status` says about the data plane of one process. */
export interface RuntimeStatus extends MessagingStatus, ProvidersStatus {
  readonly generation: number
  readonly hash: string
  readonly draining: boolean
  readonly connections: number
  readonly requestsInFlight: number
  readonly routes: readonly { readonly name: string; readonly path: string; readonly target: string; readonly origin: string }[]
  readonly services: readonly ServiceStatus[]
  readonly breakers: readonly ({ readonly route: string; readonly service: string } & CircuitStatus)[]
}

export interface StatusParts {
  readonly draining: boolean
  readonly messaging: MessagingStatus
  readonly providers: ProvidersStatus
}

export function runtimeStatus(generation: Generation, metrics: Metrics, { draining, messaging, providers }: StatusParts): RuntimeStatus {
  return {
    generation: generation.number,
    hash: generation.config.hash,
    draining,
    connections: metrics.gauges.connections,
    requestsInFlight: metrics.gauges.requestsInFlight,
    routes: generation.routes.map(({ config }) => ({
      name: config.name,
      path: config.match.path,
      target: targetText(config.target),
      origin: config.origin,
    })),
    services: [...generation.services.values()].map((service) => service.status()),
    breakers: [...generation.policies.breakers.values()].map(({ route, service, breaker }) => ({ route, service, ...breaker.status })),
    ...messaging,
    ...providers,
  }
}

/** A target in one word or two: the name of the service, or what the gateway itself answers. */
export function targetText(target: RouteTarget): string {
  switch (target.type) {
    case 'service':
      return target.service
    case 'split':
      return target.choices.map(({ service, weight }) => `${service} (${weight})`).join(', ')
    case 'respond':
      return `respond ${target.status}`
    case 'redirect':
      return `redirect ${target.status} ${target.to}`
    case 'queue':
      return `queue ${target.queue}`
    case 'events':
      return `events ${target.events.join(', ')}`
    case 'operation':
      return `operation ${target.integration}.${target.operation}`
    case 'flow':
      return `flow ${target.flow}`
    case 'webhook':
      return `webhooks of ${target.integration}`
  }
}
