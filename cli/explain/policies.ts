import type { HeaderEdits, RouteConfig, ServiceConfig } from '../../config/model.ts'
import { durationText, sizeText } from '../render/quantities.ts'

/** One setting in force. */
export interface Policy {
  /** As the configuration spells it: `circuit_breaker.threshold`. */
  readonly name: string
  readonly value: string
  /** JSON Pointer of the setting in the effective configuration. */
  readonly pointer: string
}

type Setting = readonly [name: string, value: string | undefined]

/** @param base Pointer of the map that the settings stand in. */
export const located = (base: string, settings: readonly Setting[]): Policy[] =>
  settings.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value, pointer: `${base}/${name.replaceAll('.', '/')}` }]))

/**
 * Every policy of a route.
 * @param base Pointer of its rule, `/routing_rules/0`.
 */
export const routePolicies = (route: RouteConfig, base: string): Policy[] => {
  const calls = route.target.type === 'service' || route.target.type === 'split'
  const common = located(base, [
    ...headerSettings('request_headers', calls ? route.requestHeaders : undefined),
    ...headerSettings('response_headers', route.responseHeaders),
    ['cors.origins', route.cors?.origins.join(', ')],
    ['cors.methods', route.cors?.methods.join(', ')],
    ['cors.headers', route.cors?.headers.join(', ')],
    ['cors.expose_headers', route.cors?.exposeHeaders.join(', ')],
    ['cors.credentials', route.cors === undefined ? undefined : String(route.cors.credentials)],
    ['cors.max_age', route.cors === undefined ? undefined : durationText(route.cors.maxAgeSeconds * 1000)],
  ])
  if (!calls) return [...located(base, messageSettings(route)), ...common]
  const { retry, circuitBreaker, rewrite, mirror } = route
  return [
    ...located(base, [
      ['timeout', durationText(route.timeoutMs)],
      ['idle_timeout', durationText(route.idleTimeoutMs)],
      ['deadline', route.deadlineMs === Number.POSITIVE_INFINITY ? 'none' : durationText(route.deadlineMs)],
      ['retries', String((retry?.maxAttempts ?? 1) - 1)],
      ['backoff.base_delay', retry && durationText(retry.baseDelayMs)],
      ['backoff.max_delay', retry && durationText(retry.maxDelayMs)],
      ['retry_budget.percent', retry && `${retry.budgetPercent}%`],
      ['retry_budget.min_per_second', retry && String(retry.budgetMinPerSecond)],
      ['idempotency_key', retry?.idempotencyHeader],
      ['circuit_breaker.threshold', circuitBreaker && `${circuitBreaker.thresholdPercent}%`],
      ['circuit_breaker.timeout', circuitBreaker && durationText(circuitBreaker.resetTimeoutMs)],
      ['circuit_breaker.window', circuitBreaker && durationText(circuitBreaker.windowMs)],
      ['circuit_breaker.volume', circuitBreaker && String(circuitBreaker.volume)],
      ['max_body', sizeText(route.maxBodyBytes)],
      ['strip_prefix', rewrite !== undefined && 'stripPrefix' in rewrite ? rewrite.stripPrefix : undefined],
      ['rewrite', rewrite !== undefined && 'template' in rewrite ? rewrite.template : undefined],
      ['mirror.service', mirror?.service],
      ['mirror.percent', mirror && `${mirror.percent}%`],
    ]),
    ...common,
  ]
}

/** Rules whose target reads the whole body. */
const messageSettings = ({ target, maxBodyBytes, deadlineMs }: RouteConfig): Setting[] => [
  ['deadline', target.type !== 'operation' ? undefined : deadlineMs === Number.POSITIVE_INFINITY ? 'none' : durationText(deadlineMs)],
  ['max_body', target.type === 'respond' || target.type === 'redirect' ? undefined : sizeText(maxBodyBytes)],
  ...('idempotency' in target
    ? ([
        ['idempotency.header', target.idempotency.header],
        ['idempotency.required', String(target.idempotency.required)],
        ['idempotency.ttl', durationText(target.idempotency.ttlMs)],
      ] as const)
    : []),
  ...('response' in target ? ([['response.status', String(target.response.status)]] as const) : []),
]

const headerSettings = (name: string, edits: HeaderEdits | undefined): Setting[] =>
  edits === undefined
    ? []
    : [
        ...edits.set.map(([header, value]): Setting => [`${name}.set`, `${header}: ${value}`]),
        ...edits.add.map(([header, value]): Setting => [`${name}.add`, `${header}: ${value}`]),
        ...edits.remove.map((header): Setting => [`${name}.remove`, header]),
      ]

/**
 * Every policy of a service.
 * @param base Pointer of the service, `/services/user-service`.
 */
export const servicePolicies = (service: ServiceConfig, base: string): Policy[] => {
  const { healthCheck, passiveHealth, tls } = service
  return located(base, [
    ['load_balancing', service.loadBalancing],
    ['connect_timeout', durationText(service.connectTimeoutMs)],
    ['max_connections', String(service.maxConnections)],
    ['max_pending', String(service.maxPending)],
    ['host_header', service.hostHeader],
    ['dns_refresh', service.dns && durationText(service.dns.refreshMs)],
    ['health_check.path', healthCheck?.path],
    ['health_check.interval', healthCheck && durationText(healthCheck.intervalMs)],
    ['health_check.timeout', healthCheck && durationText(healthCheck.timeoutMs)],
    ['health_check.healthy_after', healthCheck && String(healthCheck.healthyAfter)],
    ['health_check.unhealthy_after', healthCheck && String(healthCheck.unhealthyAfter)],
    ['passive_health.failures', passiveHealth && String(passiveHealth.failures)],
    ['passive_health.eject_for', passiveHealth && durationText(passiveHealth.ejectForMs)],
    ['tls.verify', tls && String(tls.verify)],
    ['tls.server_name', tls?.serverName],
  ])
}
