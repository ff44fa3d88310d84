import { expect, test } from 'vitest'
import { Findings } from '../diagnostics/findings.ts'
import type { GatewayConfig, RouteConfig } from '../model.ts'
import { pipeline } from '../pipeline.ts'
import { SourceFile } from '../source/source-file.ts'

const configOf = (text: string, files: Readonly<Record<string, string>> = {}): GatewayConfig => {
  const layers = [{ files: [new SourceFile('gateway.yaml', text, '/etc/headgate')] }]
  const readFile = (path: string): string => {
    const content = files[path]
    if (content === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' })
    return content
  }
  const { config, diagnostics } = pipeline({ layers, env: {}, overrides: {}, cwd: '/srv', readFile, findings: new Findings() })
  if (config === undefined) throw new Error(JSON.stringify(diagnostics))
  return config
}

const services = 'services:\n  users: { urls: ["http://127.0.0.1:9101"] }\n'
const routeOf = (rule: string): RouteConfig | undefined => configOf(`routing_rules:\n  - ${rule}\n${services}`).routes[0]

test('a rule becomes a route with units in its names and defaults filled in', () => {
  expect(routeOf('{ path: /api/users/*, service: users, timeout: 5s, retries: 2, circuit_breaker: { threshold: 50%, timeout: 30s } }')).toEqual({
    id: '["/api/users/*",[],[],[],[]]',
    name: '/api/users/*',
    origin: 'gateway.yaml:2:5',
    match: {
      path: '/api/users/*',
      segments: [{ literal: 'api' }, { literal: 'users' }],
      prefix: true,
      trailingSlash: false,
      methods: [],
      hosts: [],
      headers: [],
      query: [],
    },
    target: { type: 'service', service: 'users' },
    timeoutMs: 5000,
    idleTimeoutMs: 60_000,
    deadlineMs: Number.POSITIVE_INFINITY,
    retry: { maxAttempts: 3, baseDelayMs: 50, maxDelayMs: 2000, budgetPercent: 20, budgetMinPerSecond: 3 },
    circuitBreaker: { thresholdPercent: 50, resetTimeoutMs: 30_000, windowMs: 10_000, volume: 20 },
    maxBodyBytes: 1_073_741_824,
  })
})

test('names are folded, GET brings HEAD along, and * stands for any value', () => {
  expect(
    routeOf(
      '{ path: /a, service: users, methods: [GET, PUT], hosts: [API.Example.com.], headers: { X-Tenant: "*", X-Env: Prod }, query: { Page: "*" } }',
    )?.match,
  ).toMatchObject({
    methods: ['GET', 'PUT', 'HEAD'],
    hosts: ['api.example.com'],
    headers: [{ name: 'x-tenant' }, { name: 'x-env', value: 'Prod' }],
    query: [{ name: 'Page' }],
  })
})

test('threshold: 0% is honoured, and never means no limit', () => {
  expect(routeOf('{ path: /a, service: users, timeout: never, max_body: ∞, circuit_breaker: { threshold: 0% } }')).toMatchObject({
    timeoutMs: Number.POSITIVE_INFINITY,
    maxBodyBytes: Number.POSITIVE_INFINITY,
    circuitBreaker: { thresholdPercent: 0 },
  })
})

test('all targets, rewrites, header edits, CORS and mirroring arrive', () => {
  expect(routeOf('{ path: /a, respond: { status: 201, json: { a: [1, null] } } }')?.target).toEqual({
    type: 'respond',
    status: 201,
    headers: [['content-type', 'application/json']],
    body: '{"a":[1,null]}',
  })
  expect(routeOf('{ path: /a, respond: { body: hi, headers: { Content-Type: text/html } } }')?.target).toMatchObject({
    headers: [['content-type', 'text/html']],
  })
  expect(routeOf('{ path: /a, respond: { status: 204 } }')?.target).toEqual({ type: 'respond', status: 204, headers: [], body: '' })
  expect(routeOf('{ path: /a, respond: { json: null } }')?.target).toMatchObject({ body: 'null' })
  expect(routeOf('{ path: /a/*, redirect: { to: "/b{rest}" } }')?.target).toEqual({ type: 'redirect', to: '/b{rest}', status: 308 })
  expect(routeOf('{ path: /a, split: [{ service: users, weight: 9 }, { service: users, weight: 1 }] }')?.target).toMatchObject({
    choices: [{ weight: 9 }, { weight: 1 }],
  })
  expect(routeOf('{ path: /a/*, service: users, strip_prefix: /a }')?.rewrite).toEqual({ stripPrefix: '/a' })
  expect(routeOf('{ path: "/a/{id}", service: users, rewrite: "/b/{id}" }')?.rewrite).toEqual({ template: '/b/{id}' })
  expect(routeOf('{ path: /a, service: users, request_headers: { set: { X-A: "1" }, add: { x-b: "2" }, remove: [X-C] } }')?.requestHeaders).toEqual({
    set: [['x-a', '1']],
    add: [['x-b', '2']],
    remove: ['x-c'],
  })
  expect(routeOf('{ path: /a, service: users, cors: { origins: ["https://a.example.com"], max_age: 90s } }')?.cors).toEqual({
    origins: ['https://a.example.com'],
    methods: ['GET', 'HEAD', 'POST'],
    headers: [],
    exposeHeaders: [],
    credentials: false,
    maxAgeSeconds: 90,
  })
  expect(routeOf('{ path: /a, service: users, mirror: { service: users, percent: 12.5% } }')?.mirror).toEqual({ service: 'users', percent: 12.5 })
  expect(routeOf('{ path: /a, service: users, methods: [POST], retries: 1, idempotency_key: Idempotency-Key }')?.retry?.idempotencyHeader).toBe(
    'idempotency-key',
  )
})

const serviceOf = (service: string, more = ''): GatewayConfig['services'][number] | undefined =>
  configOf(`routing_rules: [{ path: /a, service: users }]\nservices:\n  users: ${service}\n${more}`).services[0]

test('a service knows its addresses, DNS and health check', () => {
  expect(serviceOf('{ urls: ["http://LOCALHOST:80/"], health_check: /health, passive_health: {} }')).toEqual({
    name: 'users',
    urls: ['http://localhost'],
    loadBalancing: 'round_robin',
    healthCheck: { path: '/health', intervalMs: 10_000, timeoutMs: 2000, healthyAfter: 1, unhealthyAfter: 3 },
    passiveHealth: { failures: 5, ejectForMs: 10_000 },
    connectTimeoutMs: 2000,
    maxConnections: 256,
    maxPending: 1024,
    hostHeader: 'upstream',
  })
  expect(serviceOf('{ dns: users.internal }')?.dns).toEqual({ name: 'users.internal', port: 80, refreshMs: 10_000, servers: [] })
  expect(serviceOf('{ dns: users.internal:8080, dns_servers: ["127.0.0.1:53"] }')?.dns).toMatchObject({
    port: 8080,
    servers: [{ host: '127.0.0.1', port: 53 }],
  })
  expect(serviceOf('{ dns: _http._tcp.users.internal }')?.dns).toEqual({ name: '_http._tcp.users.internal', refreshMs: 10_000, servers: [] })
})

test('what health_checks.internal_services says wins over the service, its defaults do not', () => {
  const entry = (text: string): string => `health_checks: { internal_services: [${text}] }\n`
  expect(serviceOf('{ urls: ["http://a"] }', entry('{ service: users }'))?.healthCheck).toEqual({
    path: '/health',
    intervalMs: 10_000,
    timeoutMs: 2000,
    healthyAfter: 1,
    unhealthyAfter: 3,
  })
  const own = '{ urls: ["http://a"], health_check: { path: /ping, interval: 3s, healthy_after: 2 } }'
  expect(serviceOf(own, entry('{ service: users, interval: 7s }'))?.healthCheck).toMatchObject({ path: '/ping', intervalMs: 7000, healthyAfter: 2 })
  expect(serviceOf(own, entry('{ service: users, endpoint: /live, timeout: 1s }'))?.healthCheck).toMatchObject({
    path: '/live',
    intervalMs: 3000,
    timeoutMs: 1000,
  })
})

test('TLS files are read beside the file that names them; absent verify means yes', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  const config = configOf(
    'routing_rules: [{ path: /a, service: users }]\nservices:\n  users: { urls: ["https://a"], tls: { ca_file: ca.pem, server_name: b } }\n',
    { '/etc/headgate/ca.pem': pem },
  )
  expect(config.services[0]?.tls).toEqual({ verify: true, serverName: 'b', ca: pem })
})

test('the hash is the same for the same meaning and another for another', () => {
  const base = configOf(`${services}routing_rules:\n  - { path: /a, service: users, timeout: 60s }\n`).hash
  expect(configOf(`# moved\n\nrouting_rules:\n  - { service: users, path: /a, timeout: 1m }\n${services}`).hash).toBe(base)
  expect(configOf(`${services}routing_rules:\n  - { path: /a, service: users, timeout: 61s }\n`).hash).not.toBe(base)
  expect(base).toMatch(/^[0-9a-f]{12}$/)
})

test('the configuration survives being sent to a worker', () => {
  const config = configOf(`${services}routing_rules:\n  - { path: /a, service: users, timeout: never }\n`)
  expect(structuredClone(config)).toEqual(config)
})
