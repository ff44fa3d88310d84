import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'

const retryAfterSeconds = 5

/** A store that works now and fails then, as on a disk with little room, does not fill the log. */
const complainMs = 10_000

/** How a store is called in the log, and what callers are told while it is away. */
export interface StoreRole {
  /** `the store for the status of messages`. */
  readonly name: string
  /** @param sent Whether the store may have been told all the same. */
  unavailable(cause: unknown, sent?: boolean): GatewayError
}

/** Says in the log when a store cannot be used, and when it works again: once each, whatever the number of calls. */
export interface StoreTrouble {
  met(error: unknown, fields?: object): void
  over(): void
}

export interface StoreTroubleDeps {
  readonly log: BrokerLog
  /** Milliseconds since the epoch. */
  now(): number
  /** Default: statuses and idempotency keys of messages. */
  readonly role?: StoreRole
}

/** @param where Names the store in the log; no secrets. */
export function storeTrouble(where: object, { log, now, role = statusRole }: StoreTroubleDeps): StoreTrouble {
  /** Whether the log says that the store cannot be used. */
  let failing = false
  let complainedAtMs = -Infinity
  return {
    met: (error, fields) => {
      if (failing || Math.abs(now() - complainedAtMs) <= complainMs) return
      log.error({ err: error, ...where, ...fields }, `${role.name} cannot be used`)
      failing = true
      complainedAtMs = now()
    },
    over: () => {
      if (!failing) return
      log.info(where, `${role.name} works again`)
      failing = false
    },
  }
}

/** @param sent Whether the store may have been told all the same. */
export const storeUnavailable = (cause: unknown, sent = true): GatewayError =>
  new GatewayError('BROKER_UNAVAILABLE', { detail: 'The status of messages cannot be stored at the moment.', retryAfterSeconds, sent, cause })

export const statusRole: StoreRole = { name: 'the store for the status of messages', unavailable: storeUnavailable }
