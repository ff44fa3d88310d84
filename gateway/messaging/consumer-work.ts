import type { ConsumerConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import { traceContext } from '../observe/trace.ts'
import type { TraceContext } from '../observe/trace.ts'
import { backoffMs } from '../policies/backoff.ts'
import type { FailedAttempt } from '../policies/retry.ts'
import { DeliveryCall } from './consumer-call.ts'
import type { ConsumerDeps } from './consumer-contract.ts'
import type { ConsumerCounts } from './consumer-counts.ts'
import { jobReports } from './consumer-jobs.ts'
import { askedMs, backoffPolicy, consumerPipe } from './consumer-pipe.ts'
import type { ConsumerPipe } from './consumer-pipe.ts'
import { verdictOfAnswer, verdictOfError } from './consumer-verdict.ts'
import type { Verdict } from './consumer-verdict.ts'
import type { Delivery } from './delivery.ts'
import type { Settlement } from './settlement.ts'
import type { TargetAnswer } from './targets/target.ts'

/** The longest that a target may keep a message away by asking for it (`Retry-After`). */
const maxAskedMs = 3_600_000

/** A delivery that this process holds. The counts are of what was repeated in place, which the broker does not know of. */
export interface Held {
  readonly delivery: Delivery
  readonly key: string | undefined
  readonly trace: TraceContext
  deliveries: number
  failures: number
  attempts: number
  /** Milliseconds on the monotonic clock; undefined before it was taken up. */
  begunAtMs: number | undefined
  /** While in work. */
  call: DeliveryCall | undefined
  /** To be called when the delivery is not held any more. */
  forget: () => void
}

/** What a consumer does with one delivery. */
export interface ConsumerWork {
  readonly pipe: ConsumerPipe
  hold(delivery: Delivery, key: string | undefined): Held
  /** Never rejects. @returns Milliseconds after which the delivery is to be taken up again in its place; undefined when it is settled. */
  handle(held: Held): Promise<number | undefined>
  /** Gives a delivery back that is not in work, uncounted. Never rejects. */
  release(held: Held): Promise<void>
}

/** @param inPlace Whether a failed delivery stays where it is: with an order, and while the consumer is not draining. */
export function consumerWork(config: ConsumerConfig, deps: ConsumerDeps, counts: ConsumerCounts, inPlace: () => boolean): ConsumerWork {
  const pipe = consumerPipe(config, deps, (failed) => counts.retried(typeOf(failed)))
  const jobs = jobReports(deps.jobs, deps.queue, config.deliverTo?.type === 'queue')
  const redelivery = backoffPolicy(config.redelivery)
  const names = deps.tracing.headers

  const secondsOf = ({ begunAtMs }: Held): number => (begunAtMs === undefined ? 0 : (deps.now() - begunAtMs) / 1000)
  const attemptsOf = (held: Held): number => held.attempts + (held.call?.attempts ?? 0)

  /** What becomes of a delivery whose attempts have ended. */
  const settlementOf = (held: Held, verdict: Verdict, answer: TargetAnswer | undefined): Settlement => {
    const attempts = attemptsOf(held)
    switch (verdict.type) {
      case 'done':
        return { outcome: 'ack' }
      case 'undecided':
        return { outcome: 'release', delayMs: verdict.delayMs ?? pipe.breaker?.status.opensForMs ?? 0 }
      case 'hopeless':
        return { outcome: 'dead_letter', reason: verdict.reason, attempts, error: verdict.error }
      case 'failed': {
        const failures = held.delivery.history.failures + held.failures + 1
        if (failures >= config.redelivery.deadLetterAfter) return { outcome: 'dead_letter', reason: 'failed', attempts, error: verdict.error }
        const asked = answer === undefined ? 0 : Math.min(maxAskedMs, askedMs(answer, deps.epochNow()) ?? 0)
        return { outcome: 'retry', delayMs: Math.max(asked, backoffMs(redelivery, failures, deps.random)), attempts, error: verdict.error }
      }
    }
  }

  const settle = async (held: Held, settlement: Settlement, answer: TargetAnswer | undefined): Promise<void> => {
    const { delivery } = held
    const attempts = delivery.history.attempts + attemptsOf(held)
    const reported = jobs.settling(delivery.message, settlement, attempts, answer)
    if (delivery.lost.aborted) counts.unsettled(delivery.message.id, 'the broker has taken the delivery back')
    else {
      try {
        await delivery.settle(settlement)
        counts.settled(settlement, { id: delivery.message.id, traceId: held.trace.traceId }, secondsOf(held))
      } catch (error) {
        counts.unsettled(delivery.message.id, error)
      }
    }
    await reported
  }

  const attempt = async (call: DeliveryCall): Promise<{ readonly verdict: Verdict; readonly answer: TargetAnswer | undefined }> => {
    try {
      const answer = await pipe.run(call, call)
      return { verdict: verdictOfAnswer(answer), answer }
    } catch (error) {
      if (!(error instanceof GatewayError)) counts.internalError(call.delivery.message.id, error)
      return { verdict: verdictOfError(error), answer: undefined }
    }
  }

  const handle = async (held: Held): Promise<number | undefined> => {
    const { delivery } = held
    const { history, message } = delivery
    if (delivery.lost.aborted) {
      counts.unsettled(message.id, 'the broker has taken the delivery back')
      return undefined
    }
    const call = new DeliveryCall(delivery, held.trace, held)
    held.call = call
    if (call.number > 1) counts.redelivered()
    jobs.begun(message, call.attemptsBefore)
    const { verdict, answer } = await attempt(call)
    if ('error' in verdict) counts.failed(verdict.error.type)
    const settlement = settlementOf(held, verdict, answer)
    if (inPlace() && (settlement.outcome === 'retry' || settlement.outcome === 'release') && !delivery.lost.aborted) {
      void jobs.settling(message, settlement, history.attempts + attemptsOf(held), undefined)
      held.attempts += call.attempts
      held.call = undefined
      if (settlement.outcome === 'retry') {
        held.failures += 1
        held.deliveries += 1
      }
      return settlement.delayMs
    }
    await settle(held, config.orderBy === undefined ? settlement : inFront(settlement), answer)
    return undefined
  }

  return {
    pipe,
    hold: (delivery, key) => {
      const { headers } = delivery.message
      const trace = traceContext(
        {
          traceparent: headers['traceparent'],
          tracestate: headers['tracestate'],
          traceId: headers[names.traceId],
          parentSpanId: headers[names.parentSpanId],
          spanId: headers[names.spanId],
          sampled: headers[names.sampled],
        },
        pipe.ids,
      )
      return { delivery, key, trace, deliveries: 0, failures: 0, attempts: 0, begunAtMs: undefined, call: undefined, forget: () => undefined }
    },
    handle: async (held) => {
      const end = counts.begun()
      held.begunAtMs ??= deps.now()
      try {
        return await handle(held)
      } finally {
        end()
      }
    },
    release: (held) => (held.delivery.lost.aborted ? Promise.resolve() : settle(held, { outcome: 'release', delayMs: 0 }, undefined)),
  }
}

/** What goes back to the queue although there is an order must not let those behind it pass. */
const inFront = (settlement: Settlement): Settlement => ('delayMs' in settlement ? { ...settlement, delayMs: 0 } : settlement)

function typeOf(failed: FailedAttempt<TargetAnswer>): string {
  const verdict = 'result' in failed ? verdictOfAnswer(failed.result) : verdictOfError(failed.error)
  return 'error' in verdict ? verdict.error.type : 'internal'
}
