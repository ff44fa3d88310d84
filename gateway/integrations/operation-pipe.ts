import type { IntegrationConfig, OperationConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { OutboundLimiter } from '../limits/outbound-limiter.ts'
import { compose } from '../pipe.ts'
import type { Handler, Stage } from '../pipe.ts'
import { attemptTimeout } from '../policies/attempt-timeout.ts'
import type { CircuitBreaker } from '../policies/circuit-breaker.ts'
import { interruptibleSleep } from '../policies/interruptible-sleep.ts'
import { retry } from '../policies/retry.ts'
import type { RetryRules } from '../policies/retry.ts'
import { longestTimerMs } from '../services/timer.ts'
import { attempts } from './attempt.ts'
import type { AttemptDeps } from './attempt.ts'
import { blamesProvider, failed, mayPassSoon, modeFor } from './failure.ts'
import type { OperationSeries } from './integration-metrics.ts'
import type { StoredFailure } from './operation.ts'
import { outboundLimit } from './outbound-limit.ts'
import type { Bucket } from './outbound-limit.ts'
import { HeldBack } from './provider-call.ts'
import type { Outcome, ProviderCall } from './provider-call.ts'
import { mayRepeat } from './verdict.ts'
import type { OperationTraits } from './verdict.ts'

export interface PipeDeps extends Omit<AttemptDeps, 'batch' | 'byKey'> {
  readonly breaker: CircuitBreaker | undefined
  readonly limiter: Pick<OutboundLimiter, 'take'>
  readonly series: OperationSeries
  /** Milliseconds on a monotonic clock. */
  now(): number
  random(): number
}

export interface OperationPipe {
  /** With retries in place. Never rejects: what goes wrong is an outcome. */
  readonly patient: Handler<ProviderCall, Outcome>
  /** One attempt, or one question. */
  readonly once: Handler<ProviderCall, Outcome>
  /** Batches wait for nobody any more. */
  hurry(): void
}

/**
 * Which stages stand around an operation of an adapter, in what order.
 *
 *     retry > held back > circuit breaker > rate limit > attempt timeout > measure > concurrency > batch > adapter > output schema
 *
 * What is held back (open circuit, rate limit, too many at once) was not sent: it is no attempt, and the breaker does not hear of it.
 */
export function operationPipe(config: IntegrationConfig, operation: OperationConfig, traits: OperationTraits, deps: PipeDeps): OperationPipe {
  const buckets: Bucket[] = []
  if (operation.rateLimit !== undefined) buckets.push({ name: `${config.name}/${operation.name}`, rate: operation.rateLimit })
  if (config.rateLimit !== undefined) buckets.push({ name: config.name, rate: config.rateLimit })
  // A call that waits for others of its batch is not slow.
  const timeoutMs = operation.timeoutMs + (operation.batch?.maxWaitMs ?? 0)
  const inner: readonly (Stage<ProviderCall, Outcome> | undefined)[] = [
    heldBack(deps),
    deps.breaker?.stage({ isFailure: (outcome) => outcome.type === 'failed' && blamesProvider(outcome.failure), countsAgainst: () => false }),
    buckets.length === 0 ? undefined : outboundLimit(buckets, operation.priority, config.retry.maxDelayMs, deps.limiter, deps.now),
    timeoutMs >= longestTimerMs ? undefined : attemptTimeout(timeoutMs, deps),
    measured(deps),
  ]
  const { target, hurry } = attempts({ ...deps, batch: operation.batch, byKey: traits.nature === 'key' })
  const { backoff: kind, baseDelayMs, maxDelayMs, maxAttempts } = config.retry
  const inPlace = retry<ProviderCall, Outcome>({ kind, baseDelayMs, maxDelayMs, maxAttempts }, retryRules(traits, maxDelayMs), {
    // Attempts are counted exactly, and it is `max_concurrent` and the breaker that keep a sick provider from being hit harder.
    budget: { called: () => undefined, take: () => true },
    now: deps.now,
    random: deps.random,
    sleep: interruptibleSleep,
    onRetry: (attempt) => {
      deps.series.retried()
      const lost = 'result' in attempt && attempt.result.type === 'failed' && attempt.result.failure.executed === 'unknown'
      if (lost && traits.nature === 'none') deps.series.duplicatePossible()
    },
    onBudgetExhausted: () => undefined,
  })
  return { patient: compose([outOfTime, inPlace, ...inner], target), once: compose(inner, target), hurry }
}

const retryRules = (traits: OperationTraits, maxDelayMs: number): RetryRules<ProviderCall, Outcome> => ({
  mayRepeatError: () => false,
  mayRepeatResult: (call, _call, outcome) => {
    if (outcome.type !== 'failed') return false
    const { failure } = outcome
    const { intent, unsure } = call
    if (!mayRepeat(traits, { unsure, failure, attempts: intent.attempts + call.attempts })) return false
    if (failure.kind === 'rate_limited') return failure.retryAfterMs !== undefined && modeFor(traits.modes, failure) === undefined
    return mayPassSoon(failure) && (failure.retryAfterMs ?? 0) <= maxDelayMs
  },
  askedDelayMs: (outcome) => (outcome.type === 'failed' ? outcome.failure.retryAfterMs : undefined),
  discard: () => undefined,
})

/** Turns refusals of the stages inside into outcomes. */
const heldBack =
  ({ series }: PipeDeps): Stage<ProviderCall, Outcome> =>
  (next) =>
  async (input, call) => {
    try {
      return await next(input, call)
    } catch (error) {
      const failure = refusal(error)
      if (failure === undefined) throw error
      series.failed(failure.kind)
      return { type: 'failed', failure }
    }
  }

function refusal(error: unknown): StoredFailure | undefined {
  if (error instanceof HeldBack) return error.failure
  if (!(error instanceof GatewayError)) return undefined
  if (error.code === 'CIRCUIT_OPEN') return failed('circuit_open', 'no', 'the circuit breaker is open', (error.retryAfterSeconds ?? 1) * 1000)
  return error.code === 'DEADLINE_EXCEEDED' ? failed('timeout', 'no', 'the deadline has passed before the call') : undefined
}

/** Time that ran out between two attempts leaves the last failure standing. */
const outOfTime: Stage<ProviderCall, Outcome> = (next) => async (input, call) => {
  try {
    return await next(input, call)
  } catch (error) {
    if (!(error instanceof GatewayError && error.code === 'DEADLINE_EXCEEDED')) throw error
    return { type: 'failed', failure: input.failure ?? failed('timeout', 'no', 'the deadline has passed before the call') }
  }
}

const measured =
  ({ series, now }: PipeDeps): Stage<ProviderCall, Outcome> =>
  (next) =>
  async (input, call) => {
    const startMs = now()
    const outcome = await next(input, call)
    series.observe(outcome.type === 'failed' ? outcome.failure : undefined, now() - startMs)
    return outcome
  }
