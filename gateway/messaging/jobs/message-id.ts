import { randomFillSync } from 'node:crypto'

const poolBytes = 4096
const idBytes = 16
const pool = Buffer.allocUnsafeSlow(poolBytes)
let used = poolBytes

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/**
 * A new id: UUID version 7 (RFC 9562, section 5.7). Ids of one moment lie together, which keeps indexes small and their pages warm, and
 * sort by age. Whoever knows an id may read the status of its message: 74 bits of each are from the operating system's random source,
 * so that a million guesses a second need six hundred years for one hit among a million messages of the very same millisecond.
 * @param epochMs Milliseconds since the epoch.
 */
export function messageId(epochMs: number): string {
  if (used + idBytes > poolBytes) {
    // One call for many ids: its price hardly depends on its size.
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.subarray(used, used + idBytes)
  used += idBytes
  bytes.writeUIntBE(Math.trunc(epochMs), 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Whether `text` can be an id of `messageId`; anything else need not be looked for. */
export const isMessageId = (text: string): boolean => pattern.test(text)
