import type { GatewayConfig } from '../../config/model.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import { withSecrets } from '../state/shared-state.ts'
import { systemClock } from './clock.ts'
import { outboundLimits } from './outbound-limiter.ts'
import type { OutboundLimiter } from './outbound-limiter.ts'

export interface SharedLimits extends OutboundLimiter {
  /** Grants that were given without Redis, since the start: a counter. */
  readonly grantedAlone: number
  /**
   * Where the state of a configuration with integrations is in Redis, its gateways share their limits; otherwise each process keeps them by
   * itself. After a change of store they begin anew. @throws {GatewayError} SECRET_UNAVAILABLE
   */
  prepare(config: Pick<GatewayConfig, 'integrations' | 'state'>): Promise<{ enter(): void }>
  /** Who waits is told to come again. */
  close(): void
}

export interface SharedLimitsDeps {
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** Fills references to secrets in: passwords may be some. */
  reveal(text: string): string
}

/** The limits towards providers of the configuration in force. */
export function sharedLimits({ log, now, reveal }: SharedLimitsDeps): SharedLimits {
  const limits = outboundLimits()
  let settings = ''
  let grantedAlone = 0
  const onAlone = (grants: number): void => {
    grantedAlone += grants
  }

  return {
    take: (bucket, rate, priority, options) => limits.take(bucket, rate, priority, options),
    get waiting() {
      return limits.waiting
    },
    get grantedAlone() {
      return grantedAlone
    },
    prepare: async ({ integrations, state }) => {
      const config = integrations.length > 0 && state.type === 'redis' ? withSecrets(state, reveal) : undefined
      const wanted = config === undefined ? '' : JSON.stringify(config)
      const redisGrants = config === undefined ? undefined : (await import('./redis-grants.ts')).redisGrants
      return {
        enter: () => {
          if (wanted === settings) return
          settings = wanted
          limits.share(config && redisGrants?.({ config, log, now, monotonicNow: systemClock.now, onAlone }))
        },
      }
    },
    close: limits.close,
  }
}
