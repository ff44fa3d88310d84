import type { RedisStoreConfig } from '../../config/model.ts'
import { outboundLimits } from '../../gateway/limits/outbound-limiter.ts'
import { redisGrants } from '../../gateway/limits/redis-grants.ts'
import { sqliteGrants } from '../../gateway/limits/sqlite-grants.ts'

/** One process of two that share a limit: takes as often as it is told, all at the same time, and says how many grants it got. */
export interface LimitTask {
  readonly store: RedisStoreConfig | { readonly type: 'embedded'; readonly path: string }
  readonly takes: number
  readonly rate: { readonly limit: number; readonly windowMs: number }
  readonly maxWaitMs: number
}

const { store, takes, rate, maxWaitMs } = JSON.parse(process.argv[2] ?? '') as LimitTask
const line = (): void => undefined
const deps = { log: { debug: line, info: line, warn: line, error: line }, now: Date.now, monotonicNow: () => performance.now() }
const limits = outboundLimits()
limits.share(store.type === 'redis' ? redisGrants({ config: store, ...deps }) : sqliteGrants({ path: store.path, ...deps }))
// From here on the store is open: all begin at the same time.
await limits.take('warm-up', rate, 0, { maxWaitMs: 0 })
process.on('message', () => {
  void Promise.all(Array.from({ length: takes }, () => limits.take('payment', rate, 0, { maxWaitMs }))).then((taken) =>
    process.send?.(taken.filter(({ granted }) => granted).length),
  )
})
process.send?.('ready')
