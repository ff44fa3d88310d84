import type { GatewayConfig, QueueConfig, RouteConfig, TracingConfig } from '../../../config/model.ts'
import { directQueue } from '../../../test/kit/messages.ts'
import { Generation } from '../../generation.ts'
import type { AccessEntry } from '../../observe/access-log.ts'
import { metrics } from '../../observe/metrics.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { idSource } from '../../observe/trace-ids.ts'
import { edge } from '../edge.ts'
import { httpListener } from '../listener.ts'
import { requestFlow } from '../request-flow.ts'
import { routeTable } from '../route-table.ts'
import type { Route } from '../route.ts'

/** A listener with these routes and nothing behind them. */
export interface Door {
  readonly port: number
  readonly url: string
  readonly metrics: Metrics
  /** What the access log was given, oldest first. */
  readonly entries: readonly AccessEntry[]
  /** Failures that the routes called their own. */
  readonly internalErrors: readonly unknown[]
  readonly lifecycle: { draining: boolean }
  close(): Promise<void>
}

export interface DoorParts {
  readonly metrics: Metrics
  readonly tracing: TracingConfig
  onInternalError(error: unknown): void
  now(): number
  epochNow(): number
}

export async function startDoor(routesOf: (parts: DoorParts) => readonly Route[]): Promise<Door> {
  const counted = metrics({ process: false })
  const entries: AccessEntry[] = []
  const internalErrors: unknown[] = []
  const lifecycle = { draining: false }
  const now = (): number => performance.now()
  const routes = routesOf({
    metrics: counted,
    tracing: config.tracing,
    onInternalError: (error) => void internalErrors.push(error),
    now,
    epochNow: Date.now,
  })
  const table = routeTable(routes.map((route) => [route.config.match, route] as const))
  const generation = new Generation(1, config, new Map(), { table, routes, breakers: new Map(), budgets: new Map() })
  const ids = idSource()
  const arrive = edge({ maxHeaders: config.limits.maxHeaders, tracing: config.tracing, trustedProxies: [] }, { ids, lifecycle, now })
  const accessLog = {
    write: (entry: AccessEntry) => void entries.push(entry),
    reconfigure: () => undefined,
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  const request = requestFlow({ listener: 'main', metrics: counted, accessLog, current: () => generation, arrive, now })
  const listener = await httpListener({ host: '127.0.0.1', port: 0 }, config.limits, false, {
    request,
    connection: () => undefined,
    shed: () => undefined,
    traceId: ids.traceId,
  })
  return {
    port: listener.port,
    url: `http://127.0.0.1:${listener.port}`,
    metrics: counted,
    entries,
    internalErrors,
    lifecycle,
    close: async () => {
      listener.destroy()
      await listener.stop()
    },
  }
}

const config: GatewayConfig = {
  hash: '',
  listeners: [],
  admin: { address: { host: '127.0.0.1', port: 0 } },
  limits: {
    maxConnections: 10_000,
    maxRequests: 10_000,
    maxHeaderBytes: 16_384,
    maxHeaders: 100,
    headerTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    keepAliveTimeoutMs: 5000,
    sendTimeoutMs: 10_000,
  },
  shutdown: { delayMs: 0, drainTimeoutMs: 1000 },
  log: { level: 'silent' },
  accessLog: { enabled: true, query: false, requestHeaders: [] },
  tracing: { headers: { traceId: 'x-trace-id', parentSpanId: 'x-parent-span-id', spanId: 'x-span-id', sampled: 'x-sampled' } },
  services: [],
  routes: [],
  messaging: { statusPath: '/-/messages', statusTtlMs: 60_000, store: { type: 'embedded', path: '' } },
  brokers: [],
  queues: [],
  consumers: [],
  events: [],
  plugins: [],
  integrations: [],
  flows: [],
  alerts: [],
  state: { type: 'embedded', path: '' },
  secrets: { root: '', secrets: [] },
}

/** `POST /orders` into the queue `orders`, unless `over` says otherwise. */
export const ruleOf = (over: Partial<RouteConfig> = {}): RouteConfig => ({
  id: 'orders rule',
  name: 'orders',
  origin: 'gateway.yaml:1:1',
  match: {
    path: '/orders',
    segments: [{ literal: 'orders' }],
    prefix: false,
    trailingSlash: false,
    methods: ['POST'],
    hosts: [],
    headers: [],
    query: [],
  },
  target: { type: 'queue', queue: 'orders', idempotency: { header: 'idempotency-key', required: false, ttlMs: 3_600_000 } },
  timeoutMs: 5000,
  idleTimeoutMs: 5000,
  deadlineMs: Infinity,
  maxBodyBytes: 100_000,
  ...over,
})

export const queueOf = (over: Partial<QueueConfig> = {}): QueueConfig => directQueue('orders', over)
