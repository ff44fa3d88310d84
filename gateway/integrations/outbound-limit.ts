import type { RateConfig } from '../../config/model.ts'
import type { OutboundLimiter } from '../limits/outbound-limiter.ts'
import type { Stage } from '../pipe.ts'
import { failed } from './failure.ts'
import { HeldBack } from './provider-call.ts'
import type { Outcome, ProviderCall } from './provider-call.ts'

export interface Bucket {
  readonly name: string
  readonly rate: RateConfig
}

/**
 * Waits for a rate limit, for `maxWaitMs` at most and never beyond the deadline of the call.
 * @throws {HeldBack} `rate_limited`
 */
export const outboundLimit =
  (
    buckets: readonly Bucket[],
    priority: 0 | 1 | 2,
    maxWaitMs: number,
    limiter: Pick<OutboundLimiter, 'take'>,
    now: () => number,
  ): Stage<ProviderCall, Outcome> =>
  (next) =>
  async (input, call) => {
    for (const { name, rate } of buckets) {
      const restMs = call.deadlineAtMs === Infinity ? Infinity : call.deadlineAtMs - now()
      const grant = await limiter.take(name, rate, priority, { maxWaitMs: Math.max(0, Math.min(maxWaitMs, restMs)) })
      if (!grant.granted) throw new HeldBack(failed('rate_limited', 'no', `the rate limit of ${name} is used up`, grant.retryAfterMs))
    }
    return next(input, call)
  }
