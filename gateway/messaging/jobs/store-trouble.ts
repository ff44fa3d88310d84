import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'

const retryAfterSeconds = 5

/** A store that works now and fails then, as on a disk with little room, does not fill the log. */
const complainMs = 10_000

/** Says in the log when the store of statuses and keys cannot be used, and when it works again: once each, whatever the number of calls. */
export interface StoreTrouble {
  met(error: unknown, fields?: object): void
  over(): void
}

/** @param where Names the store in the log; no secrets. @param now Milliseconds since the epoch. */
export function storeTrouble(where: object, { log, now }: { readonly log: BrokerLog; now(): number }): StoreTrouble {
  /** Whether the log says that the store cannot be used. */
  let failing = false
  let complainedAtMs = -Infinity
  return {
    met: (error, fields) => {
      if (failing || Math.abs(now() - complainedAtMs) <= complainMs) return
      log.error({ err: error, ...where, ...fields }, 'the store for the status of messages cannot be used')
      failing = true
      complainedAtMs = now()
    },
    over: () => {
      if (!failing) return
      log.info(where, 'the store for the status of messages works again')
      failing = false
    },
  }
}

/** @param sent Whether the store may have been told all the same. */
export const storeUnavailable = (cause: unknown, sent = true): GatewayError =>
  new GatewayError('BROKER_UNAVAILABLE', { detail: 'The status of messages cannot be stored at the moment.', retryAfterSeconds, sent, cause })
