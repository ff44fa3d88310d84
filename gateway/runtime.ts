import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import type { GatewayConfig, ListenerConfig } from '../config/model.ts'
import { buildRoutes } from './build.ts'
import type { BuildDeps, PolicyState } from './build.ts'
import type { BoundListener, DataPlane, DrainResult } from './fleet.ts'
import { Generation } from './generation.ts'
import { edge } from './http/edge.ts'
import type { Arrival } from './http/edge.ts'
import { httpListener } from './http/listener.ts'
import type { HttpListener } from './http/listener.ts'
import { requestFlow } from './http/request-flow.ts'
import { messaging } from './messaging/messaging.ts'
import type { Messaging, PreparedMessaging } from './messaging/messaging.ts'
import type { AccessLog } from './observe/access-log.ts'
import { loopWatch } from './observe/loop-watch.ts'
import type { Metrics } from './observe/metrics.ts'
import { idSource } from './observe/trace-ids.ts'
import { providers } from './providers.ts'
import type { AdaptersOf, PreparedProviders } from './providers.ts'
import { runtimeStatus } from './runtime-status.ts'
import type { RuntimeStatus } from './runtime-status.ts'
import { revealedConfig } from './secrets/revealed-config.ts'
import { buildServices } from './services/registry.ts'
import type { Service } from './services/service.ts'

export interface RuntimeDeps {
  readonly log: Logger
  readonly accessLog: AccessLog
  readonly metrics: Metrics
  readonly adaptersOf: AdaptersOf
  /** Of the process; secrets may stand in it. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface RuntimeOptions {
  /** Lets several processes listen on the same port, the kernel spreading connections over them. */
  readonly reusePort?: boolean
  /** This process among those that share the limits of consumers; alone by default. */
  readonly share?: { readonly index: number; readonly count: number }
}

/** The data plane of one process. */
export type Runtime = DataPlane<RuntimeStatus>

interface RunningListener {
  readonly http: HttpListener
  /** These two are replaced when settings of the listener change; connections stay. */
  name: string
  arrive: ReturnType<typeof edge>
}

const emptyState: PolicyState = { breakers: new Map(), budgets: new Map() }

/**
 * Builds the new generation completely, swaps one reference, drains the old one. Any failure on the way leaves the
 * old generation serving. Services, breakers and retry budgets whose settings did not change are carried over.
 */
export function runtime(deps: RuntimeDeps, options: RuntimeOptions = {}): Runtime {
  const { log, metrics, accessLog } = deps
  const now = (): number => performance.now()
  const ids = idSource()
  /** By `placeOf`, in the order of the configuration. */
  let listeners: ReadonlyMap<string, RunningListener> = new Map()
  /** Listeners of earlier configurations that still answer something, with the end of that. */
  const leaving = new Map<HttpListener, Promise<void>>()
  let current: Generation | undefined
  const lifecycle = { draining: false }

  const chance = { now, epochNow: Date.now, random: Math.random }
  const work = providers({
    log,
    metrics,
    adaptersOf: deps.adaptersOf,
    env: deps.env,
    // Messages are consumed by operations, and operations put messages into queues.
    publisher: {
      toQueue: (queue, message) => messages.publisher.toQueue(queue, message),
      event: (event, message) => messages.publisher.event(event, message),
    },
    publishEvent: (event, message) => messages.gate(message, [event]),
    ...chance,
  })
  const messages: Messaging = messaging({
    log,
    metrics,
    operations: work.operations,
    flows: work.flows,
    share: options.share ?? { index: 0, count: 1 },
    ...chance,
  })

  const buildDeps: BuildDeps = {
    metrics,
    messaging: messages,
    providers: work,
    now,
    epochNow: Date.now,
    random: Math.random,
    onInternalError: (error, exchange) => log.error({ err: error, path: exchange.path, trace_id: exchange.trace.traceId }, 'internal error'),
    onBreakerChange: (route, service, state) => log.warn({ route, service, state }, `circuit breaker of ${service} is ${state.replace('_', '-')}`),
  }
  const serviceDeps = {
    log,
    // Monotonic, and readable as a date in `/status`.
    now: () => performance.timeOrigin + performance.now(),
    random: Math.random,
    onHealthChange: (service: string, origin: string, healthy: boolean) =>
      log.warn({ service, address: origin, healthy }, `${origin} of ${service} is ${healthy ? 'healthy again' : 'out of rotation'}`),
  }

  const endWatch = loopWatch({ now, log })

  metrics.breakers(() => [
    ...[...(current?.policies.breakers.values() ?? [])].map(({ service, breaker }) => ({ service, state: breaker.state })),
    ...messages.breakers(),
    ...work.breakers(),
  ])
  metrics.upstreams(() => upstreamSamples(current))

  const serving = (): Generation => {
    if (current === undefined) throw new Error('no generation has been applied')
    return current
  }

  /** Listens where nobody listens yet. */
  const open = async (config: GatewayConfig): Promise<ReadonlyMap<string, RunningListener>> => {
    const opened = new Map<string, RunningListener>()
    try {
      for (const listener of config.listeners) {
        const place = placeOf(listener)
        if (listeners.has(place)) continue
        const running = { name: listener.name, arrive: newEdge(config, listener.trustedProxies) }
        const flow = requestFlow({
          get listener() {
            return running.name
          },
          metrics,
          accessLog,
          current: serving,
          arrive: (req, res, upgrade): Arrival => running.arrive(req, res, upgrade),
          now,
        })
        const http = await httpListener(listener.address, config.limits, options.reusePort === true, {
          request: flow,
          connection: (delta) => {
            metrics.gauges.connections += delta
            if (delta === 1) metrics.totals.connections += 1
          },
          shed: metrics.shed,
          traceId: ids.traceId,
        })
        opened.set(place, Object.assign(running, { http }))
      }
      return opened
    } catch (error) {
      for (const { http } of opened.values()) void http.stop()
      throw error
    }
  }

  const newEdge = (config: GatewayConfig, trustedProxies: readonly string[]): RunningListener['arrive'] =>
    edge({ maxHeaders: config.limits.maxHeaders, tracing: config.tracing, trustedProxies }, { ids, lifecycle, now })

  const takeOver = (config: GatewayConfig, opened: ReadonlyMap<string, RunningListener>): void => {
    const next = new Map<string, RunningListener>()
    for (const wanted of config.listeners) {
      const place = placeOf(wanted)
      const listener = listeners.get(place) ?? opened.get(place)
      if (listener === undefined) continue
      listener.name = wanted.name
      listener.arrive = newEdge(config, wanted.trustedProxies)
      listener.http.configure(config.limits)
      next.set(place, listener)
    }
    for (const [place, { http }] of listeners) if (!next.has(place)) dismiss(http)
    listeners = next
  }

  const dismiss = (http: HttpListener): void => {
    leaving.set(
      http,
      http.stop().then(() => void leaving.delete(http)),
    )
  }

  /** @param replaced Ends when no consumer uses the old generation any more; the consumers' own limit of time is the same. */
  const retire = async (old: Generation, dropped: readonly Service[], next: Generation, replaced: Promise<unknown>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, next.config.shutdown.drainTimeoutMs).unref()
    })
    await Promise.race([old.idle(), limit])
    clearTimeout(timer)
    await replaced
    for (const service of dropped) void service.close()
    for (const [key, { breaker }] of old.policies.breakers) if (next.policies.breakers.get(key)?.breaker !== breaker) breaker.close()
    metrics.retain(usedSeries(current ?? next))
  }

  return {
    get listeners() {
      return [...listeners.values()].map(({ name, http }): BoundListener => ({ name, host: http.host, port: http.port }))
    },

    apply: async (config) => {
      const previous = current
      const { services, added, dropped } = buildServices(config.services, previous?.services ?? new Map(), serviceDeps)
      let prepared: PreparedMessaging | undefined
      let providing: PreparedProviders | undefined
      try {
        providing = await work.prepare(config, services)
        const built = buildRoutes(config, services, previous?.policies ?? emptyState, buildDeps)
        const next = new Generation((previous?.number ?? 0) + 1, config, services, built)
        await Promise.all(added.map((service) => service.ready))
        prepared = await messages.prepare(revealedConfig(config, work.reveal), services)
        const enter = (): void => {
          providing?.enter()
          prepared?.enter()
        }
        // A listener takes requests from its first moment on, so the first generation has to be there before it.
        if (current === undefined) {
          current = next
          enter()
        }
        const opened = await open(config)
        current = next
        enter()
        takeOver(config, opened)
        accessLog.reconfigure(config.accessLog)
        log.level = config.log.level
        const replaced = Promise.all([prepared.run(), providing.retire()])
        if (previous !== undefined) void retire(previous, dropped, next, replaced)
      } catch (error) {
        if (previous === undefined) current = undefined
        await prepared?.abandon()
        await providing?.abandon()
        for (const service of added) void service.close()
        throw error
      }
    },

    status: () => runtimeStatus(serving(), metrics, { draining: lifecycle.draining, messaging: messages.status(), providers: work.status() }),

    pauseConsumer: messages.pause,

    drain: async (): Promise<DrainResult> => {
      lifecycle.draining = true
      metrics.gauges.draining = 1
      const { delayMs, drainTimeoutMs } = serving().config.shutdown
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs))
      for (const { http } of listeners.values()) dismiss(http)
      const settled = messages.drain(drainTimeoutMs)
      const provided = work.drain(drainTimeoutMs, Promise.all([...leaving.values(), settled]))
      const stopped = Promise.all([...leaving.values(), settled, provided]).then(() => true)
      let timer: NodeJS.Timeout | undefined
      const limit = new Promise<false>((resolve) => {
        timer = setTimeout(() => resolve(false), drainTimeoutMs)
      })
      const drained = await Promise.race([stopped, limit])
      clearTimeout(timer)
      if (!drained) for (const http of leaving.keys()) http.destroy()
      await settled
      return { drained }
    },

    close: async () => {
      endWatch()
      for (const http of [...leaving.keys(), ...[...listeners.values()].map((listener) => listener.http)]) {
        http.destroy()
        await http.stop()
      }
      listeners = new Map()
      await work.close()
      await messages.close()
      for (const { breaker } of current?.policies.breakers.values() ?? []) breaker.close()
      await Promise.all([...(current?.services.values() ?? [])].map((service) => service.close()))
    },
  }
}

/** A listener is where it listens; its name may change. Only free ports, which can be had many times, are told apart by name. */
const placeOf = ({ name, address }: ListenerConfig): string => JSON.stringify(address.port === 0 ? [address, name] : [address])

function* upstreamSamples(generation: Generation | undefined) {
  for (const service of generation?.services.values() ?? []) {
    for (const { origin, state, inFlight } of service.status().addresses) {
      yield { service: service.name, address: origin, healthy: state === 'healthy' || state === 'unknown', inFlight }
    }
  }
}

function usedSeries(generation: Generation) {
  const services = new Set(generation.services.keys())
  const endpoints = new Map([...services].map((service) => [service, new Set<string>()]))
  for (const { config } of generation.routes) {
    const { target } = config
    const names = target.type === 'service' ? [target.service] : target.type === 'split' ? target.choices.map(({ service }) => service) : []
    for (const name of names) endpoints.get(name)?.add(config.match.path)
  }
  for (const { deliverTo } of generation.config.consumers) if (deliverTo?.type === 'service') endpoints.get(deliverTo.service)?.add(deliverTo.path)
  for (const { name, operations } of generation.config.integrations) {
    services.add(name)
    endpoints.set(name, new Set([...(endpoints.get(name) ?? []), ...operations.map((operation) => operation.name)]))
  }
  return { services, endpoints, routes: new Set(generation.routes.map(({ config }) => config.name)) }
}
