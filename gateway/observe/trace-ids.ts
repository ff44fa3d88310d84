import { randomFillSync } from 'node:crypto'

/** Random ids in lower-case hex. */
export interface IdSource {
  /** 32 digits. */
  traceId(): string
  /** 16 digits. */
  spanId(): string
}

const poolBytes = 4096
const traceIdBytes = 16
const spanIdBytes = 8

/** @param fill Fills a buffer with random bytes; the operating system's by default. */
export const idSource = (fill: (pool: Buffer) => void = randomFillSync): IdSource => {
  const pool = Buffer.allocUnsafeSlow(poolBytes)
  let used = poolBytes
  const take = (bytes: number): string => {
    if (used + bytes > poolBytes) {
      // One call for a few hundred ids, because the price of a call hardly depends on its size.
      fill(pool)
      used = 0
    }
    used += bytes
    const id = pool.toString('hex', used - bytes, used)
    return isZero(id) ? take(bytes) : id
  }
  return { traceId: () => take(traceIdBytes), spanId: () => take(spanIdBytes) }
}

/** An id of zeros means "none" in every trace format. */
export const isZero = (id: string): boolean => id.charCodeAt(0) === 48 && /^0+$/.test(id)
