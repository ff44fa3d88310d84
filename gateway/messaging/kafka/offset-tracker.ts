/** Which of the delivered records of one partition are settled, and up to where that may be committed. */
export interface OffsetTracker {
  /** Offsets must come in rising order; gaps are fine (compaction and transactions leave them). */
  delivered(offset: bigint): void
  settled(offset: bigint): void
  /** Offset to commit: everything before it is settled. */
  readonly committable: bigint
  /** Delivered records from the first unsettled one on, settled ones among them included: what is remembered, and what a crash would repeat. */
  readonly span: number
}

/** @param start Offset of the first record that will be delivered. */
export function offsetTracker(start: bigint): OffsetTracker {
  // In order of delivery; true: settled.
  const open = new Map<bigint, boolean>()
  let committable = start
  return {
    delivered(offset) {
      open.set(offset, false)
    },
    settled(offset) {
      if (!open.has(offset)) return
      open.set(offset, true)
      for (const [first, done] of open) {
        if (!done) return
        open.delete(first)
        committable = first + 1n
      }
    },
    get committable() {
      return committable
    },
    get span() {
      return open.size
    },
  }
}
