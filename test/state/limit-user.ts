import type { RedisStoreConfig } from '../../config/model.ts'
import { outboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import { redisGrants } from '../../gateway/limits/redis-grants.ts'

/** One process of two that share a limit: takes as often as it is told, all at the same time, and says how many grants it got. */
export interface LimitTask {
  readonly config: RedisStoreConfig
  readonly takes: number
  readonly rate: { readonly limit: number; readonly windowMs: number }
  readonly maxWaitMs: number
}

const { config, takes, rate, maxWaitMs } = JSON.parse(process.argv[2] ?? '') as LimitTask
const line = (): void => undefined
const limits = outboundLimits()
limits.share(redisGrants({ config, log: { debug: line, info: line, warn: line, error: line }, now: Date.now, monotonicNow: () => performance.now() }))
process.on('message', () => {
  void Promise.all(Array.from({ length: takes }, () => limits.take('payment', rate, 0, { maxWaitMs }))).then((taken) =>
    process.send?.(taken.filter(({ granted }) => granted).length),
  )
})
process.send?.('ready')
