import { createHash } from 'node:crypto'
import { service as serviceSchema } from '../../schemas/services.ts'
import type { GatewayConfig, HealthCheckConfig, ServiceConfig } from '../model.ts'
import type { Tree } from '../source/tree.ts'
import { pluginSources } from '../plugins.ts'
import { resolveAlerts } from './alerts.ts'
import { resolveFlows } from './flows.ts'
import type { ValidInput } from './input.ts'
import { type IntegrationContents, resolveIntegrations } from './integrations.ts'
import { type MessagingFiles, resolveMessaging } from './messaging.ts'
import { readAddress, readBytes, readDurationMs } from './readers.ts'
import { messageLimits, resolveRoute, type RuleMessaging } from './route.ts'
import { resolveHealthCheck, resolveService } from './service.ts'
import { resolveSecrets, resolveState } from './state.ts'
import type { TlsTexts } from './tls.ts'

/** Contents of files that the configuration names, and what is known of adapters. */
export interface ReadFiles extends MessagingFiles, IntegrationContents {
  /** PEM texts of `state`. */
  readonly stateTls: TlsTexts
  /** PEM texts by name of the service. */
  readonly tls: ReadonlyMap<string, TlsTexts>
}

/**
 * A validated and linted tree to the configuration that the gateway is built from.
 * @param cwd What relative names of files to be written refer to; absolute.
 */
export const resolve = (tree: Tree, files: ReadFiles, cwd: string): GatewayConfig => {
  const input = tree.root as unknown as ValidInput
  const messaging = resolveMessaging(tree, input, files, cwd)
  const integrations = resolveIntegrations(tree, input, files)
  const ruleMessaging: RuleMessaging = { events: messaging.events, maxMessageBytes: messageLimits(messaging), integrations }
  const config: Omit<GatewayConfig, 'hash'> = {
    listeners: Object.entries(input.listeners).map(([name, listener]) => ({
      name,
      address: readAddress(listener.address),
      trustedProxies: listener.trusted_proxies,
    })),
    admin: { address: readAddress(input.admin.address) },
    limits: resolveLimits(input),
    shutdown: { delayMs: readDurationMs(input.shutdown.delay), drainTimeoutMs: readDurationMs(input.shutdown.drain_timeout) },
    log: { level: input.log.level },
    accessLog: {
      enabled: input.access_log.enabled,
      query: input.access_log.query,
      requestHeaders: input.access_log.request_headers.map((name) => name.toLowerCase()),
    },
    tracing: resolveTracing(input),
    services: resolveServices(tree, input, files.tls),
    routes: (input.routing_rules ?? []).map((rule, index) =>
      resolveRoute(rule, ruleOrigin(tree, index), (...steps) => tree.isWritten(['routing_rules', index, ...steps]), ruleMessaging),
    ),
    ...messaging,
    plugins: pluginSources(tree),
    integrations,
    flows: resolveFlows(tree, input, integrations),
    alerts: resolveAlerts(input.alerts),
    state: input.state === undefined ? messaging.messaging.store : resolveState(input.state, files.stateTls, cwd),
    secrets: resolveSecrets(input, cwd),
  }
  return deepFreeze({ hash: hashOf(config), ...config })
}

const ruleOrigin = (tree: Tree, index: number): string => {
  const { file, line, column } = tree.keyLocation(['routing_rules', index])
  return `${file}:${line}:${column}`
}

const resolveLimits = ({ limits }: ValidInput): GatewayConfig['limits'] => ({
  maxConnections: limits.max_connections,
  maxRequests: limits.max_requests,
  maxHeaderBytes: readBytes(limits.max_header_size),
  maxHeaders: limits.max_headers,
  headerTimeoutMs: readDurationMs(limits.header_timeout),
  requestTimeoutMs: readDurationMs(limits.request_timeout),
  keepAliveTimeoutMs: readDurationMs(limits.keep_alive_timeout),
  sendTimeoutMs: readDurationMs(limits.send_timeout),
})

const resolveTracing = ({ tracing: { headers } }: ValidInput): GatewayConfig['tracing'] => ({
  headers: {
    traceId: headers.trace_id.toLowerCase(),
    parentSpanId: headers.parent_span_id.toLowerCase(),
    spanId: headers.span_id.toLowerCase(),
    sampled: headers.sampled.toLowerCase(),
  },
})

const resolveServices = (tree: Tree, input: ValidInput, tls: ReadonlyMap<string, TlsTexts>): ServiceConfig[] => {
  const declared = declaredChecks(tree, input)
  return Object.entries(input.services ?? {}).map(([name, service]) => {
    const own = service.health_check && resolveHealthCheck(service.health_check)
    return resolveService(name, service, declared.get(name)?.(own) ?? own, tls.get(name) ?? {})
  })
}

type CheckChange = (own: HealthCheckConfig | undefined) => HealthCheckConfig

const checkDefaults = serviceSchema.properties.health_check.anyOf[1].properties

/** `health_checks.internal_services`: what such an entry says wins over the service's own `health_check`; its defaults do not. */
const declaredChecks = (tree: Tree, input: ValidInput): Map<string, CheckChange> => {
  const changes = new Map<string, CheckChange>()
  input.health_checks?.internal_services?.forEach((entry, index) => {
    const says = (key: string): boolean => tree.isWritten(['health_checks', 'internal_services', index, key])
    changes.set(entry.service, (own) => ({
      path: own === undefined || says('endpoint') ? entry.endpoint : own.path,
      intervalMs: own === undefined || says('interval') ? readDurationMs(entry.interval) : own.intervalMs,
      timeoutMs: own === undefined || says('timeout') ? readDurationMs(entry.timeout) : own.timeoutMs,
      healthyAfter: own?.healthyAfter ?? checkDefaults.healthy_after.default,
      unhealthyAfter: own?.unhealthyAfter ?? checkDefaults.unhealthy_after.default,
    }))
  })
  return changes
}

/** The same for configurations that mean the same: keys are in the order of this program, places in files do not count. */
const hashOf = (config: Omit<GatewayConfig, 'hash'>): string => {
  const text = JSON.stringify(config, (key, value: unknown) =>
    key === 'origin' && typeof value === 'string' ? undefined : value === Number.POSITIVE_INFINITY ? 'never' : value,
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

const deepFreeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const child of Object.values(value)) deepFreeze(child)
  return Object.freeze(value)
}
