import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { RecordStore } from './record-store.ts'

/**
 * Ids of intents and flows follow from the idempotency key of their caller, which often is no more than the number of an order; whoever knows
 * one may read the status. So what callers get carries a seal that nobody outside can compute.
 */
export interface SealedIds {
  /** @throws {GatewayError} STATE_UNAVAILABLE, as `open`. */
  seal(id: string): Promise<string>
  /** @returns Undefined where the seal is not ours. */
  open(sealed: string): Promise<string | undefined>
}

const kind = 'salt'
const saltId = 'ids'
/** 80 bits. */
const sealLength = 20

/** Without the seal, for operators who paste what a caller shows them. */
export const unsealed = (id: string): string => id.split('.', 1)[0] ?? id

/** The salt is made once and kept in the store, as long as what it seals: processes that share the store share the salt. */
export function sealedIds(store: RecordStore, epochNow: () => number): SealedIds {
  let salt: Promise<Buffer> | undefined

  const made = async (): Promise<Buffer> => {
    for (let tries = 0; tries < 3; tries += 1) {
      const found = await store.get(kind, saltId)
      if (found !== undefined) return Buffer.from(JSON.parse(found.value) as string, 'base64url')
      const fresh = randomBytes(32)
      const value = JSON.stringify(fresh.toString('base64url'))
      const record = { kind, id: saltId, group: '', state: 'kept', dueAtMs: Infinity, expiresAtMs: Infinity, createdAtMs: epochNow(), value }
      if ((await store.put(record, 0)) !== undefined) return fresh
    }
    throw new GatewayError('STATE_UNAVAILABLE')
  }

  const sealOf = async (id: string): Promise<string> => {
    salt ??= made().catch((error: unknown) => {
      salt = undefined
      throw error
    })
    return createHmac('sha256', await salt)
      .update(id)
      .digest('hex')
      .slice(0, sealLength)
  }

  return {
    seal: async (id) => `${id}.${await sealOf(id)}`,
    open: async (sealed) => {
      const [id = '', seal = '', ...more] = sealed.split('.')
      if (seal.length !== sealLength || more.length > 0) return undefined
      return timingSafeEqual(Buffer.from(seal, 'latin1'), Buffer.from(await sealOf(id), 'latin1')) ? id : undefined
    },
  }
}
