import { GatewayError } from '../errors.ts'
import type { StoreRole } from '../messaging/jobs/store-trouble.ts'

const retryAfterSeconds = 5

/** How the store of records is called in the log, and what callers are told while it is away. */
export const stateRole: StoreRole = {
  name: 'the state store',
  unavailable: (cause, sent = true) =>
    new GatewayError('STATE_UNAVAILABLE', { detail: 'What is being done cannot be stored at the moment.', retryAfterSeconds, sent, cause }),
}
