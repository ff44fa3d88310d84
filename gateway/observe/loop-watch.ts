export interface LoopWatchDeps {
  /** Milliseconds on a monotonic clock. */
  now(): number
  readonly log: { warn(fields: object, message: string): void }
}

const everyMs = 500
/** Brokers give up on a peer that is silent for two heartbeats, which are seconds. */
const tooLongMs = 1000

/**
 * Says afterwards when something held up the event loop for more than a second: by then heartbeats are late, brokers may have taken
 * deliveries back, and time limits have fired in a bunch; without this line nobody knows why.
 * @returns Ends the watch.
 */
export function loopWatch({ now, log }: LoopWatchDeps): () => void {
  let expectedAtMs = now() + everyMs
  const timer = setInterval(() => {
    const lateMs = Math.round(now() - expectedAtMs)
    expectedAtMs = now() + everyMs
    if (lateMs < tooLongMs) return
    log.warn({ blockedMs: lateMs }, `nothing could run for ${lateMs} ms: code in this process, or the machine, held up the event loop`)
  }, everyMs).unref()
  return () => clearInterval(timer)
}
