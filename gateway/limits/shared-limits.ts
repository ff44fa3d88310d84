import type { GatewayConfig, StateStoreConfig } from '../../config/model.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import { withSecrets } from '../state/shared-state.ts'
import { systemClock } from './clock.ts'
import type { GrantSource } from './grant-log.ts'
import { outboundLimits } from './outbound-limiter.ts'
import type { OutboundLimiter } from './outbound-limiter.ts'
import type { SharedGrantsDeps } from './shared-grants.ts'

export interface SharedLimits extends OutboundLimiter {
  /** Grants that were given while the store of the limits was away, since the start: a counter. */
  readonly grantedAlone: number
  /**
   * Where the state of a configuration with integrations is in Redis, all gateways share their limits; where it is in a file, the processes that
   * use it; where it is in PostgreSQL, each process keeps them by itself. A reload that changes the store begins them anew.
   * @throws {GatewayError} SECRET_UNAVAILABLE
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
      if (integrations.length === 0) return { enter: () => undefined }
      const config = state.type === 'redis' ? withSecrets(state, reveal) : state
      const wanted = JSON.stringify(config)
      const open = await opener(config, { log, now, onAlone, monotonicNow: systemClock.now })
      return {
        enter: () => {
          if (wanted === settings) return
          settings = wanted
          limits.share(open?.())
        },
      }
    },
    close: limits.close,
  }
}

/** Loads what the kind of store needs, and nothing of the others. */
async function opener(config: StateStoreConfig, deps: SharedGrantsDeps & Pick<SharedLimitsDeps, 'now'>): Promise<(() => GrantSource) | undefined> {
  switch (config.type) {
    case 'redis': {
      const { redisGrants } = await import('./redis-grants.ts')
      return () => redisGrants({ config, ...deps })
    }
    case 'embedded': {
      const { sqliteGrants } = await import('./sqlite-grants.ts')
      return () => sqliteGrants({ path: config.path, ...deps })
    }
    case 'postgresql':
      return undefined
  }
}
