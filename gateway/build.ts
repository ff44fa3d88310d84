import type { FlowConfig, GatewayConfig, RouteConfig, RouteTarget } from '../config/model.ts'
import { eventsRoute } from './http/events-route.ts'
import type { Exchange } from './http/exchange.ts'
import { fixedRoute } from './http/fixed-route.ts'
import { flowRoute } from './http/flow-route.ts'
import { mirror } from './http/mirror.ts'
import { operationRoute } from './http/operation-route.ts'
import { queueRoute } from './http/queue-route.ts'
import type { Route } from './http/route.ts'
import { routeTable } from './http/route-table.ts'
import type { RouteTable } from './http/route-table.ts'
import { countsAgainstService, errorType, httpCircuitRules, httpRetryRules } from './http/service-rules.ts'
import { serviceRoute } from './http/service-route.ts'
import type { Branch } from './http/service-route.ts'
import { flowSource, intentSource } from './http/status-documents.ts'
import { statusRoute } from './http/status-route.ts'
import { statusWait } from './http/status-wait.ts'
import type { UpstreamAnswer } from './http/upstream-answer.ts'
import { upstreamCall } from './http/upstream-call.ts'
import { waiter } from './http/waiter.ts'
import { webhookRoute } from './http/webhook-route.ts'
import type { Messaging } from './messaging/messaging.ts'
import type { Metrics } from './observe/metrics.ts'
import { compose } from './pipe.ts'
import type { Stage } from './pipe.ts'
import { attemptTimeout } from './policies/attempt-timeout.ts'
import { CircuitBreaker } from './policies/circuit-breaker.ts'
import { retry } from './policies/retry.ts'
import { retryBudget } from './policies/retry-budget.ts'
import type { RetryBudget } from './policies/retry-budget.ts'
import type { Providers } from './providers.ts'
import type { Service } from './services/service.ts'

type ProxyTarget = Extract<RouteTarget, { readonly type: 'service' | 'split' }>

export interface BuildDeps {
  readonly metrics: Metrics
  readonly messaging: Pick<Messaging, 'publisher' | 'jobs' | 'gate'>
  readonly providers: Pick<Providers, 'door' | 'webhook'>
  /** Milliseconds on a monotonic clock. */
  now(): number
  /** Milliseconds since the epoch. */
  epochNow(): number
  random(): number
  onInternalError(error: unknown, exchange: Exchange): void
  onBreakerChange(route: string, service: string, state: CircuitBreaker['state']): void
}

/** State of policies that outlives a reload, by everything that defines it. */
export interface PolicyState {
  readonly breakers: ReadonlyMap<string, BreakerEntry>
  readonly budgets: ReadonlyMap<string, RetryBudget>
}

export interface BreakerEntry {
  readonly route: string
  readonly service: string
  readonly breaker: CircuitBreaker
}

export interface BuiltRoutes extends PolicyState {
  readonly table: RouteTable<Route>
  readonly routes: readonly Route[]
}

/**
 * The composition of the gateway: which stages stand around a service, in what order.
 *
 *     retry > circuit breaker > attempt timeout > call
 *
 * The deadline bounds everything: retries never start past it, and it shortens the timeout of the last attempt. The
 * breaker stands inside the retries, so that every attempt counts and an open circuit fails at once.
 */
export function buildRoutes(config: GatewayConfig, services: ReadonlyMap<string, Service>, previous: PolicyState, deps: BuildDeps): BuiltRoutes {
  const state = { breakers: new Map<string, BreakerEntry>(), budgets: new Map<string, RetryBudget>() }

  const keep = <Value>(now: Map<string, Value>, before: ReadonlyMap<string, Value>, key: string, make: () => Value): Value => {
    const value = now.get(key) ?? before.get(key) ?? make()
    now.set(key, value)
    return value
  }

  const serviceNamed = (name: string, route: RouteConfig): Service => {
    const service = services.get(name)
    if (service === undefined) throw new Error(`${route.origin}: service ${name} does not exist`)
    return service
  }

  const retryStage = (route: RouteConfig, service: Service): Stage<Exchange, UpstreamAnswer> | undefined => {
    if (route.retry === undefined) return undefined
    const { budgetPercent, budgetMinPerSecond, idempotencyHeader } = route.retry
    const policy = { percent: budgetPercent, minPerSecond: budgetMinPerSecond }
    const budget = keep(state.budgets, previous.budgets, JSON.stringify([service.name, policy]), () => retryBudget(policy, deps.now))
    const counter = deps.metrics.retries(service.name)
    const errors = deps.metrics.errors(service.name)
    return retry<Exchange, UpstreamAnswer>(route.retry, httpRetryRules(idempotencyHeader), {
      budget,
      now: deps.now,
      random: deps.random,
      sleep: waiter,
      onRetry: (failed) => {
        counter.retried()
        const type = errorType(failed)
        if (type !== undefined) errors.count(type)
      },
      onBudgetExhausted: counter.exhausted,
    })
  }

  const breakerStage = (route: RouteConfig, service: Service): Stage<Exchange, UpstreamAnswer> | undefined => {
    const policy = route.circuitBreaker
    if (policy === undefined) return undefined
    const transitions = deps.metrics.transitions(service.name)
    const entry = keep(state.breakers, previous.breakers, JSON.stringify([route.id, service.name, policy]), () => ({
      route: route.name,
      service: service.name,
      breaker: new CircuitBreaker(policy, countsAgainstService, {
        now: deps.now,
        onChange: (to) => {
          transitions.count(to)
          deps.onBreakerChange(route.name, service.name, to)
        },
      }),
    }))
    return entry.breaker.stage(httpCircuitRules)
  }

  const branchTo = (name: string, route: RouteConfig): Branch => {
    const service = serviceNamed(name, route)
    const bounded = route.timeoutMs !== Infinity || route.deadlineMs !== Infinity
    const pipe = compose<Exchange, UpstreamAnswer>(
      [
        retryStage(route, service),
        breakerStage(route, service),
        bounded ? attemptTimeout<Exchange, UpstreamAnswer>(route.timeoutMs, { now: deps.now }) : undefined,
      ],
      upstreamCall(service, route.idleTimeoutMs === Infinity ? 0 : route.idleTimeoutMs),
    )
    return { service, pipe }
  }

  const { events, queues, tracing } = config
  const wait = statusWait(deps.now)
  const doorDeps = {
    ...deps,
    ...deps.messaging,
    ...deps.providers.door,
    webhook: deps.providers.webhook,
    wait,
    events,
    queues,
    tracing,
    statusPath: config.messaging.statusPath,
  }

  const build = (route: RouteConfig): Route => {
    const { target } = route
    switch (target.type) {
      case 'respond':
      case 'redirect':
        return fixedRoute(route, deps.metrics)
      case 'queue':
        return queueRoute(route, doorDeps)
      case 'events':
        return eventsRoute(route, doorDeps)
      case 'operation':
        return operationRoute(route, target, doorDeps)
      case 'flow':
        return flowRoute(route, target, flowNamed(target.flow, route), doorDeps)
      case 'webhook':
        return webhookRoute(route, target.integration, doorDeps)
      case 'service':
      case 'split':
        return proxyRoute(route, target)
    }
  }

  const flowNamed = (name: string, route: RouteConfig): FlowConfig => {
    const flow = config.flows.find((one) => one.name === name)
    if (flow === undefined) throw new Error(`${route.origin}: flow ${name} does not exist`)
    return flow
  }

  const proxyRoute = (route: RouteConfig, target: ProxyTarget): Route => {
    const weights = target.type === 'service' ? [{ service: target.service, weight: 1 }] : target.choices
    const branches = weights.map(({ service }) => branchTo(service, route))
    return serviceRoute(route, {
      metrics: deps.metrics,
      now: deps.now,
      choose: chooser(
        branches,
        weights.map(({ weight }) => weight),
        deps.random,
      ),
      branches,
      mirror: route.mirror && mirror(serviceNamed(route.mirror.service, route), route.mirror.percent, route.timeoutMs, deps.random),
      onInternalError: deps.onInternalError,
    })
  }

  const routes = config.routes.map(build)
  const lasting = config.routes.filter(({ target }) => lastingTargets.has(target.type))
  if (lasting.length > 0) {
    const sources = [intentSource(doorDeps.operations), flowSource(doorDeps.flows)]
    routes.push(statusRoute({ ...doorDeps, queueRules: lasting, consumers: config.consumers, sources }))
  }
  return { table: routeTable(routes.map((route) => [route.config.match, route] as const)), routes, ...state }
}

/** Targets whose work may go on after the answer, so that callers need a place to ask. */
const lastingTargets: ReadonlySet<RouteTarget['type']> = new Set<RouteTarget['type']>(['queue', 'operation', 'flow'])

/** Picks branches by weight; with one branch, always that one. */
function chooser(branches: readonly Branch[], weights: readonly number[], random: () => number): () => Branch {
  const first = branches[0] as Branch
  if (branches.length === 1) return () => first
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return () => {
    let point = random() * total
    for (const [index, weight] of weights.entries()) {
      point -= weight
      if (point < 0) return branches[index] as Branch
    }
    return first
  }
}
