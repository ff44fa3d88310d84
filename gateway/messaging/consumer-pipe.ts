import type { ConsumerConfig, DeliveryBackoff, DeliveryTarget } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { countsAgainstService, retryAfterMs } from '../http/service-rules.ts'
import { idSource } from '../observe/trace-ids.ts'
import type { IdSource } from '../observe/trace-ids.ts'
import { compose } from '../pipe.ts'
import type { Handler } from '../pipe.ts'
import { attemptTimeout } from '../policies/attempt-timeout.ts'
import type { BackoffPolicy } from '../policies/backoff.ts'
import { CircuitBreaker } from '../policies/circuit-breaker.ts'
import { interruptibleSleep } from '../policies/interruptible-sleep.ts'
import { retry } from '../policies/retry.ts'
import type { FailedAttempt, RetryRules } from '../policies/retry.ts'
import { longestTimerMs } from '../services/timer.ts'
import type { DeliveryCall } from './consumer-call.ts'
import type { ConsumerDeps } from './consumer-contract.ts'
import { patience } from './consumer-patience.ts'
import type { Patience } from './consumer-patience.ts'
import { verdictOfAnswer, verdictOfError } from './consumer-verdict.ts'
import { deliveryHeaders } from './targets/delivery-headers.ts'
import { flowTarget, operationTarget } from './targets/operation-target.ts'
import { eventsTarget, queueTarget } from './targets/queue-target.ts'
import { serviceTarget } from './targets/service-target.ts'
import type { Target, TargetAnswer } from './targets/target.ts'

export interface ConsumerPipe {
  readonly run: Handler<DeliveryCall, TargetAnswer>
  readonly breaker: CircuitBreaker | undefined
  readonly patience: Patience<TargetAnswer> | undefined
  /** Makes the ids of the spans. */
  readonly ids: IdSource
}

/**
 * Which stages stand around the target of a consumer, in what order.
 *
 *     retry > patience > circuit breaker > attempt timeout > target
 *
 * There is no retry budget: attempts are counted exactly, and it is `concurrency` that bounds the load. Patience stands inside the
 * retries, so that an open circuit costs no attempt.
 * @param onRetry Told of every attempt that failed and is repeated within its delivery.
 */
export function consumerPipe(config: ConsumerConfig, deps: ConsumerDeps, onRetry: (failed: FailedAttempt<TargetAnswer>) => void): ConsumerPipe {
  const ids = idSource()
  const waits = config.circuitBreaker === undefined ? undefined : patience<TargetAnswer>(() => breaker as CircuitBreaker, deps)
  const breaker = breakerOf(config, deps, waits)
  const run = compose<DeliveryCall, TargetAnswer>(
    [
      retry<DeliveryCall, TargetAnswer>({ ...backoffPolicy(config.retry), maxAttempts: config.retry.maxAttempts }, retryRules(deps.epochNow), {
        budget: { called: () => undefined, take: () => true },
        now: deps.now,
        random: deps.random,
        sleep: interruptibleSleep,
        onRetry,
        onBudgetExhausted: () => undefined,
      }),
      waits?.stage,
      breaker?.stage({ isFailure: ({ status }) => status >= 500, countsAgainst }),
      config.timeoutMs === Infinity ? undefined : attemptTimeout(Math.min(config.timeoutMs, longestTimerMs), deps),
    ],
    targetOf(config, deps, ids),
  )
  return { run, breaker, patience: waits, ids }
}

export const backoffPolicy = ({ backoff, baseDelayMs, maxDelayMs }: DeliveryBackoff): BackoffPolicy => ({ kind: backoff, baseDelayMs, maxDelayMs })

/** The service of a target that is one. */
export const serviceOf = (target: DeliveryTarget | undefined): string | undefined => (target?.type === 'service' ? target.service : undefined)

/** Milliseconds that an answer asks to wait before the next attempt; undefined where it does not ask. */
export const askedMs = ({ retryAfter }: TargetAnswer, epochMs: number): number | undefined => retryAfterMs(retryAfter, epochMs)

const countsAgainst = (error: unknown): boolean =>
  countsAgainstService(error) || (error instanceof GatewayError && (error.code === 'BROKER_UNAVAILABLE' || error.code === 'QUEUE_FULL'))

const retryRules = (epochNow: () => number): RetryRules<DeliveryCall, TargetAnswer> => ({
  mayRepeatError: ({ delivery }, _call, error) => verdictOfError(error).type === 'failed' && !delivery.lost.aborted,
  mayRepeatResult: ({ delivery }, _call, answer) => verdictOfAnswer(answer).type === 'failed' && !delivery.lost.aborted,
  askedDelayMs: (answer) => askedMs(answer, epochNow()),
  discard: () => undefined,
})

function breakerOf(config: ConsumerConfig, deps: ConsumerDeps, waits: Patience<TargetAnswer> | undefined): CircuitBreaker | undefined {
  if (config.circuitBreaker === undefined) return undefined
  const service = serviceOf(config.deliverTo)
  const transitions = service === undefined ? undefined : deps.metrics.transitions(service)
  return new CircuitBreaker(config.circuitBreaker, countsAgainst, {
    now: deps.now,
    onChange: (state) => {
      transitions?.count(state)
      deps.log.warn({ consumer: config.name, queue: config.queue, state }, `circuit breaker of consumer ${config.name} is ${state.replace('_', '-')}`)
      waits?.changed(state)
    },
  })
}

function targetOf(config: ConsumerConfig, deps: ConsumerDeps, ids: IdSource): Target {
  const target = config.deliverTo
  switch (target?.type) {
    case undefined:
      return () => Promise.reject(new GatewayError('INTERNAL', { detail: 'The consumer has no target.' }))
    case 'queue':
      return queueTarget(target.queue, deps.publisher)
    case 'events':
      return eventsTarget(target.events, deps.gate)
    case 'operation':
      return operationTarget(config.queue, target, deps.operations)
    case 'flow':
      return flowTarget(config.queue, target, deps.flows)
    case 'service': {
      const { service, metrics, now, epochNow, tracing } = deps
      if (service === undefined) throw new Error(`${config.origin}: service ${target.service} does not exist`)
      const headers = deliveryHeaders(config.queue, config.timeoutMs, { tracing, ids, epochNow })
      return serviceTarget({ service, method: target.method, path: target.path }, { headers, metrics, now })
    }
  }
}
