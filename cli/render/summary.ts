import type { ConsumerConfig, GatewayConfig, HealthCheckConfig, QueueConfig, RouteConfig, ServiceConfig } from '../../config/model.ts'
import type { BoundListener } from '../../gateway/fleet.ts'
import { targetText } from '../../gateway/runtime-status.ts'
import type { TextStream } from '../io.ts'
import { urlText } from './address.ts'
import { deliveryText } from './delivery.ts'
import { countText, durationText } from './quantities.ts'
import { table } from './table.ts'

/** More rows than this tell a reader nothing at start; `explain` finds the one he wants. */
const shownRows = 25

export interface Serving {
  readonly config: GatewayConfig
  readonly listeners: readonly BoundListener[]
  readonly admin: { readonly host: string; readonly port: number }
}

/** What the gateway serves: listeners, routes and services as tables, queues and consumers where there are any. */
export const summary = ({ config, listeners, admin }: Serving, stream: TextStream): string => {
  const section = (headers: readonly string[], rows: readonly (readonly string[])[], noun: string): string => {
    if (rows.length === 0) return `  no ${noun}s\n`
    const shown = table(headers, rows.slice(0, shownRows), { width: stream.columns, style: stream.style, indent: '  ' })
    return rows.length <= shownRows ? shown : `${shown}  ... and ${countText(rows.length - shownRows, `more ${noun}`)}\n`
  }
  const addresses = [...listeners.map((listener) => [listener.name, urlText(listener)]), ['admin', urlText(admin)]]
  return [
    section(['listener', 'url'], addresses, 'listener'),
    section(['route', 'methods', 'hosts', 'target', 'timeout', 'retries', 'breaker'], config.routes.map(routeRow), 'route'),
    section(['service', 'addresses', 'balancing', 'health check'], config.services.map(serviceRow), 'service'),
    ...(config.queues.length === 0
      ? []
      : [
          section(['queue', 'type', 'broker', 'ttl', 'dead letters', 'purpose'], config.queues.map(queueRow), 'queue'),
          section(
            ['consumer', 'queue', 'delivers to', 'concurrency', 'attempts', 'timeout', 'breaker'],
            config.consumers.map(consumerRow),
            'consumer',
          ),
        ]),
  ].join('\n')
}

const routeRow = (route: RouteConfig): string[] => {
  const calls = route.target.type === 'service' || route.target.type === 'split'
  return [
    route.match.path,
    route.match.methods.length === 0 ? 'all' : route.match.methods.join(', '),
    route.match.hosts.join(', '),
    targetText(route.target),
    calls ? durationText(route.timeoutMs) : '',
    calls ? String((route.retry?.maxAttempts ?? 1) - 1) : '',
    breakerText(route),
  ]
}

const breakerText = ({ circuitBreaker }: Pick<RouteConfig, 'circuitBreaker'>): string =>
  circuitBreaker === undefined ? '' : `${circuitBreaker.thresholdPercent}%, open ${durationText(circuitBreaker.resetTimeoutMs)}`

const serviceRow = (service: ServiceConfig): string[] => [
  service.name,
  addressesText(service),
  service.loadBalancing,
  healthText(service.healthCheck),
]

const queueRow = (queue: QueueConfig): string[] => [
  queue.name,
  queue.type,
  queue.broker,
  durationText(queue.ttlMs),
  queue.deadLetter ? 'kept' : 'discarded',
  queue.purpose ?? '',
]

const consumerRow = (consumer: ConsumerConfig): string[] => [
  consumer.name,
  consumer.queue,
  `${deliveryText(consumer.deliverTo)}${consumer.paused ? ' (paused)' : ''}`,
  String(consumer.concurrency),
  `${consumer.redelivery.deadLetterAfter} x ${consumer.retry.maxAttempts}`,
  durationText(consumer.timeoutMs),
  breakerText(consumer),
]

export const addressesText = ({ urls, dns }: ServiceConfig): string => {
  const names = dns === undefined ? [] : [`dns ${dns.name}${dns.port === undefined ? '' : `:${dns.port}`}`]
  return [...urls, ...names].join(', ')
}

const healthText = (check: HealthCheckConfig | undefined): string =>
  check === undefined ? '' : `${check.path} every ${durationText(check.intervalMs)}`
