import type { RateConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { BrokerLog } from '../messaging/broker.ts'
import type { StoreRole } from '../messaging/jobs/store-trouble.ts'
import { grantLog, total } from './grant-log.ts'
import type { Demand, Grants, GrantSource } from './grant-log.ts'

/** Where several processes get their grants. */
export interface GrantStore {
  /** @param made Grants that were given without it. @throws {GatewayError} STATE_UNAVAILABLE: it is away. */
  take(bucket: string, rate: RateConfig, demand: Demand, made: number): Promise<Grants>
  close(): void
}

export interface SharedGrantsDeps {
  readonly log: BrokerLog
  /** Milliseconds on a monotonic clock, for the grants of this process while the store is away. */
  monotonicNow(): number
  /** So many grants were given without the store. */
  onAlone?(grants: number): void
}

/** A process that waits asks at least so often, and is taken for dead after the second: grants are no longer kept for it. */
const askAgainMs = 5000
export const deadMs = 12_000

export const limitRole: StoreRole = {
  name: 'the store of the rate limits',
  unavailable: (cause) => new GatewayError('STATE_UNAVAILABLE', { cause }),
}

export interface SharedGrants extends GrantSource {
  /** The store is back: before anybody here needs more, others must know what was granted. Never rejects. */
  settle(): Promise<void>
}

/**
 * Grants that several processes share: together they get no more than the limit. They come from the store in one step for all who wait here.
 *
 * While it is away the provider is protected less well, and calls go on: a lost store must not stop payments. Each process then keeps the
 * limit by itself, what it was granted before included, so that N processes may reach N times the limit. It is said in the log once, and
 * counted; what was granted meanwhile is told to the store when it is back. A question that is answered too late, or a failover in the moment
 * of a grant, makes the store count some twice, or not at all; that is over after one window.
 */
export function sharedGrants(store: GrantStore, { log, monotonicNow, onAlone }: SharedGrantsDeps): SharedGrants {
  /** All that this process was granted. */
  const own = grantLog(monotonicNow)
  /** What of it the store does not know. */
  const owed = grantLog(monotonicNow)
  const debts = new Map<string, RateConfig>()
  let alone = false
  let closed = false

  const shared = async (bucket: string, rate: RateConfig, demand: Demand): Promise<Grants> => {
    const grants = await store.take(bucket, rate, demand, owed.count(bucket, rate))
    owed.forget(bucket)
    debts.delete(bucket)
    own.note(bucket, rate, total(grants.granted))
    if (alone) log.info({}, 'the rate limits are shared again')
    alone = false
    return { ...grants, askInMs: Math.min(grants.nextInMs, askAgainMs) }
  }

  return {
    take: async (bucket, rate, demand) => {
      try {
        return await shared(bucket, rate, demand)
      } catch (error) {
        if (!alone && !closed) log.warn({ err: error }, 'each process keeps the rate limits by itself until their store is back')
        alone = true
        const grants = own.take(bucket, rate, demand)
        if (total(grants.granted) > 0) {
          owed.note(bucket, rate, total(grants.granted))
          debts.set(bucket, rate)
          onAlone?.(total(grants.granted))
        }
        return { ...grants, askInMs: Math.min(grants.nextInMs, askAgainMs) }
      }
    },
    settle: async () => {
      await Promise.allSettled([...debts].map(([bucket, rate]) => shared(bucket, rate, [0, 0, 0])))
    },
    close: () => {
      closed = true
      store.close()
    },
  }
}
