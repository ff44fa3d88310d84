import type { DnsConfig, HealthCheckConfig, ServiceConfig } from '../model.ts'
import { resolveTls, type TlsTexts } from './tls.ts'
import type { ValidService } from './input.ts'
import { readAddress, readDnsName, readDurationMs, readOrigin } from './readers.ts'

export const resolveService = (name: string, service: ValidService, healthCheck: HealthCheckConfig | undefined, tls: TlsTexts): ServiceConfig => ({
  name,
  urls: (service.urls ?? []).map(readOrigin),
  ...(service.dns !== undefined && { dns: resolveDns(service, service.dns) }),
  loadBalancing: service.load_balancing,
  ...(healthCheck && { healthCheck }),
  ...(service.passive_health && {
    passiveHealth: { failures: service.passive_health.failures, ejectForMs: readDurationMs(service.passive_health.eject_for) },
  }),
  connectTimeoutMs: readDurationMs(service.connect_timeout),
  maxConnections: service.max_connections,
  maxPending: service.max_pending,
  hostHeader: service.host_header,
  ...(service.tls && { tls: resolveTls(service.tls, tls) }),
})

const resolveDns = (service: ValidService, dns: string): DnsConfig => {
  const { name, port } = readDnsName(dns)
  return {
    name,
    ...(port !== undefined && { port }),
    refreshMs: readDurationMs(service.dns_refresh),
    servers: (service.dns_servers ?? []).map(readAddress),
  }
}

export const resolveHealthCheck = (check: NonNullable<ValidService['health_check']>): HealthCheckConfig => ({
  path: check.path,
  intervalMs: readDurationMs(check.interval),
  timeoutMs: readDurationMs(check.timeout),
  healthyAfter: check.healthy_after,
  unhealthyAfter: check.unhealthy_after,
})
