import type { RouteTarget } from '../../config/model.ts'
import type { MatchVerdict } from '../../gateway/http/route-table.ts'
import type { Explanation } from './explanation.ts'
import type { ExplainedQueue } from './messages.ts'
import type { ExplainedOperation } from './operation.ts'
import type { OriginatedPolicy } from './originated.ts'

/** The explanation for machines. Durations are milliseconds; `null` stands for no limit. */
export const explanationData = ({ request, taken, allowed, others }: Explanation): object => ({
  request: { method: request.method, host: request.host, path: request.path, query: request.query },
  matched: taken !== undefined,
  ...(taken === undefined
    ? { status: allowed.length === 0 ? 404 : 405, allowed }
    : {
        rule: { name: taken.route.name, path: taken.route.match.path, origin: taken.route.origin },
        target: finiteTarget(taken.route.target),
        params: taken.params,
        rest: taken.rest ?? null,
        forwardedTo: taken.forwardedTo ?? null,
        policies: taken.policies.map(policyData),
        operation: taken.operation === undefined ? null : operationData(taken.operation),
        queues: taken.queues.map(queueData),
        services: taken.services.map(({ name, addresses, policies }) => ({ name, addresses, policies: policies.map(policyData) })),
        worstCase: taken.worstCase === undefined ? null : finite(taken.worstCase),
      }),
  others: others.shown.map(otherData),
  othersNotShown: others.hidden,
})

const queueData = ({ name, origin, broker, deadLetter, ttlMs, policies, consumers }: ExplainedQueue): object => ({
  name,
  origin,
  broker,
  deadLetter,
  ttlMs: ttlMs === Number.POSITIVE_INFINITY ? null : ttlMs,
  policies: policies.map(policyData),
  consumers: consumers.map((consumer) => ({
    name: consumer.name,
    origin: consumer.origin,
    target: consumer.target,
    operation: consumer.operation === undefined ? null : operationData(consumer.operation),
    policies: consumer.policies.map(policyData),
    worstCase: finite(consumer.worstCase),
  })),
})

const operationData = ({ name, origin, provider, policies, failureModes, worstCase }: ExplainedOperation): object => ({
  name,
  origin,
  provider,
  policies: policies.map(policyData),
  failureModes,
  worstCase: finite(worstCase),
})

const finiteTarget = (target: RouteTarget): object => ('idempotency' in target ? { ...target, idempotency: finite(target.idempotency) } : target)

const policyData = ({ name, value, origin, pointer }: OriginatedPolicy): object => ({ name, value, origin, pointer })

const otherData = ({ route, verdict, reasons }: MatchVerdict): object => ({
  rule: { name: route.name, path: route.match.path, origin: route.origin },
  verdict,
  reasons,
})

// JSON has no Infinity; JSON.stringify would write null without saying so.
const finite = (facts: object): object =>
  Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, value === Number.POSITIVE_INFINITY ? null : value]))
