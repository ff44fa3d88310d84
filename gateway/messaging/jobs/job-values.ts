import { createHash } from 'node:crypto'
import { maxResultBytes } from './job-store.ts'
import type { JobChange, JobRequest } from './job-store.ts'

/** A claim is over after this even when its process lives: the message was neither stored nor given up for that long. */
export const claimLimitMs = 60_000

/** A job whose message never came to its queue: its process has ended in between. */
export const unstoredTtlMs = 3_600_000

/** A job that nobody has touched for this long has no message any more: brokers drop expired messages without a word. */
export const openTtlMs = 30 * 86_400_000

const maxErrorLength = 500

/** Keys of any length and alphabet become one short text each; what clients chose is not kept. */
export const intentOf = ({ scope, key }: Pick<NonNullable<JobRequest['idempotency']>, 'scope' | 'key'>): string =>
  createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('base64url')

/** The change without what is too large to be kept. */
export function storable(change: JobChange): JobChange {
  const { lastError, result } = change
  return {
    ...change,
    ...(lastError === undefined ? {} : { lastError: { type: lastError.type, message: lastError.message.slice(0, maxErrorLength) } }),
    ...(result?.body === undefined || result.body.length <= maxResultBytes ? {} : { result: { ...result, body: undefined } }),
  }
}
