import type { GatewayConfig, RouteConfig, ServiceConfig } from '../../config/model.ts'
import type { LoadResult } from '../../config/load.ts'
import { pathRewrite, pathTemplate } from '../../gateway/http/path-rewrite.ts'
import { explainMatch, pathParams, pathRest, routeTable } from '../../gateway/http/route-table.ts'
import type { MatchInput } from '../../gateway/http/route-table.ts'
import { targetText } from '../../gateway/runtime-status.ts'
import { addressesText } from '../render/summary.ts'
import { childPointer } from '../render/pointers.ts'
import { type ExplainedQueue, explainedQueues } from './messages.ts'
import { type ExplainedOperation, explainedOperation } from './operation.ts'
import { type OriginatedPolicy, originated } from './originated.ts'
import { servicePointer } from './origins.ts'
import { others } from './others.ts'
import type { Others } from './others.ts'
import { routePolicies, servicePolicies } from './policies.ts'
import { worstCase } from './worst-case.ts'
import type { WorstCase } from './worst-case.ts'
import { written } from './written.ts'

export interface ExplainedService {
  readonly name: string
  readonly addresses: string
  readonly policies: readonly OriginatedPolicy[]
}

/** What happens to a request that a rule takes. */
export interface Taken {
  readonly route: RouteConfig
  readonly target: string
  /** Values of the `{params}`, percent-encoded as in the path. */
  readonly params: Readonly<Record<string, string>>
  /** What `/*` matched; undefined for exact paths. */
  readonly rest: string | undefined
  /**
   * Path and query sent upstream, or the location of a redirect; undefined where nothing is called. A rewrite that takes from the
   * environment stands here as it was written.
   */
  readonly forwardedTo: string | undefined
  readonly services: readonly ExplainedService[]
  /** What is called, for rules with `integration`. */
  readonly operation: ExplainedOperation | undefined
  /** Where the message goes, for rules with `queue` or `events`. */
  readonly queues: readonly ExplainedQueue[]
  readonly policies: readonly OriginatedPolicy[]
  /** Undefined where no service is called. */
  readonly worstCase: WorstCase | undefined
}

export interface Explanation {
  readonly request: MatchInput
  readonly taken: Taken | undefined
  /** Where no rule takes the request: methods that one would take, for a 405; empty for a 404. */
  readonly allowed: readonly string[]
  readonly others: Others
}

export const explanation = (config: GatewayConfig, result: LoadResult, request: MatchInput): Explanation => {
  const verdicts = explainMatch(config.routes, request)
  const index = verdicts.findIndex(({ verdict }) => verdict === 'chosen')
  const route = config.routes[index]
  return {
    request,
    taken: route === undefined ? undefined : taken(config, result, request, route, `/routing_rules/${index}`),
    allowed: route === undefined ? routeTable(config.routes.map((one) => [one.match, one] as const)).allowed(request) : [],
    others: others(verdicts, request),
  }
}

const taken = (config: GatewayConfig, result: LoadResult, request: MatchInput, route: RouteConfig, pointer: string): Taken => {
  const services = servicesOf(route).flatMap((name) => config.services.filter((service) => service.name === name))
  return {
    route,
    target: targetText(route.target),
    params: { ...pathParams(route.match, request.path) },
    rest: route.match.prefix ? pathRest(route.match, request.path) : undefined,
    forwardedTo: shownRewrite(result, pointer, request) ?? forwardedTo(route, request),
    operation: explainedOperation(config, result, route.target),
    queues: explainedQueues(config, result, route.target),
    services: services.map((service) => explainedService(service, result)),
    policies: originated(routePolicies(route, pointer), result),
    worstCase: services.length === 0 ? undefined : worstCase(route, request.method, request.headers),
  }
}

const servicesOf = ({ target }: RouteConfig): readonly string[] => {
  if (target.type === 'service') return [target.service]
  return target.type === 'split' ? target.choices.map(({ service }) => service) : []
}

const forwardedTo = ({ match, rewrite, target }: RouteConfig, { path, query }: MatchInput): string | undefined => {
  if (target.type === 'redirect') return pathTemplate(target.to, match)(path) + (target.to.includes('?') ? '' : query)
  if (target.type !== 'service' && target.type !== 'split') return undefined
  const rewritten = pathRewrite(rewrite, match)
  return (rewritten === undefined ? path : rewritten(path)) + query
}

const explainedService = (service: ServiceConfig, result: LoadResult): ExplainedService => ({
  name: service.name,
  addresses: addressesText(service),
  policies: originated(
    servicePolicies(service, childPointer('/services', service.name)).map((policy) => ({
      ...policy,
      pointer: servicePointer(result, service.name, policy.name, policy.pointer),
    })),
    result,
  ),
})

const shownRewrite = (result: LoadResult, pointer: string, { query }: MatchInput): string | undefined => {
  const template = written(result, `${pointer}/rewrite`)
  return template === undefined ? undefined : template + query
}
