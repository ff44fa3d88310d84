/** Configurations of the gateway that the bench drives, as YAML text. */
export interface GatewaySetting {
  readonly port: number
  readonly adminPort: number
  readonly upstreamUrl: string
}

const head = ({ port, adminPort, upstreamUrl }: GatewaySetting): string => `listeners:
  main: { address: 127.0.0.1:${port} }
admin: { address: 127.0.0.1:${adminPort} }
services:
  user-service: { urls: ["${upstreamUrl}"] }
metrics:
  - name: integration_latency_ms
    type: histogram
    labels: [service, endpoint, status]
  - name: integration_errors_total
    type: counter
    labels: [service, error_type]
  - name: circuit_breaker_state
    type: gauge
    labels: [service, state]
routing_rules:
`

const rule = (path: string): string => `  - path: ${path}
    service: user-service
    timeout: 5s
    retries: 2
    circuit_breaker:
      threshold: 50%
      timeout: 30s
`

/** The design document's first rule with everything that is on by default. */
export const oneRoute = (setting: GatewaySetting): string => head(setting) + rule('/api/users/*')

/** Literal paths, one in five with a parameter, one in five a prefix, spread over 100 areas. */
const variedPath = (index: number): string => {
  const base = `/area-${index % 100}/resource-${index}`
  if (index % 5 === 1) return `${base}/{id}/items`
  return index % 5 === 2 ? `${base}/*` : `${base}/list`
}

/** `count` rules; the design document's own stands in the middle. */
export const manyRoutes = (setting: GatewaySetting, count: number): string => {
  const middle = count >> 1
  return head(setting) + Array.from({ length: count }, (_, index) => rule(index === middle ? '/api/users/*' : variedPath(index))).join('')
}

/** As large as the design document's example: two rules, five services. */
export const exampleSized = (setting: GatewaySetting): string => {
  const { upstreamUrl } = setting
  const services = ['order-service', 'payment-service', 'inventory-service', 'notification-service']
  return (
    oneRoute(setting).replace(
      'metrics:\n',
      `${services.map((name) => `  ${name}: { urls: ["${upstreamUrl}"], health_check: /health }\n`).join('')}metrics:\n`,
    ) + services.map((name) => rule(`/api/${name}/*`).replace('user-service', name)).join('')
  )
}

/** One route that takes bodies of any length. */
export const streamRoute = (setting: GatewaySetting): string =>
  `${head(setting)}  - path: /api/users/*\n    service: user-service\n    timeout: 10m\n    max_body: never\n`
