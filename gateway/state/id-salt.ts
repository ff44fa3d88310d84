import { createHmac, randomBytes } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { RecordStore } from './record-store.ts'

/**
 * Makes ids that the same facts always give, and that nobody outside can compute: whoever knows the id of an intent or flow may read its
 * status, and the idempotency keys of callers are often no more than the number of an order.
 */
export interface IdSalt {
  /** @returns 40 hexadecimal digits. @throws {GatewayError} STATE_UNAVAILABLE */
  idOf(facts: string): Promise<string>
}

const kind = 'salt'
const id = 'ids'

/** The salt is made once, and kept in the store as long as what it names: processes that share the store share the salt. */
export function idSalt(store: RecordStore, epochNow: () => number): IdSalt {
  let salt: Promise<Buffer> | undefined

  const made = async (): Promise<Buffer> => {
    for (let tries = 0; tries < 3; tries += 1) {
      const found = await store.get(kind, id)
      if (found !== undefined) return Buffer.from(JSON.parse(found.value) as string, 'base64url')
      const fresh = randomBytes(32)
      const value = JSON.stringify(fresh.toString('base64url'))
      const record = { kind, id, group: '', state: 'kept', dueAtMs: Infinity, expiresAtMs: Infinity, createdAtMs: epochNow(), value }
      if ((await store.put(record, 0)) !== undefined) return fresh
    }
    throw new GatewayError('STATE_UNAVAILABLE')
  }

  const known = (): Promise<Buffer> => {
    salt ??= made().catch((error: unknown) => {
      salt = undefined
      throw error
    })
    return salt
  }

  return { idOf: async (facts) => createHmac('sha256', await known()).update(facts).digest('hex').slice(0, 40) }
}
