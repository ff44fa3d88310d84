import type { AccessLogConfig } from '../../config/model.ts'
import { accessLine } from './access-line.ts'
import type { AccessEntry } from './access-line.ts'
import { chunkQueue } from './chunk-queue.ts'
import type { ChunkQueueDeps } from './chunk-queue.ts'

export type { AccessEntry } from './access-line.ts'

export interface AccessLog {
  /** Queues one line. Never blocks, never throws; a line that cannot be taken is dropped and counted. */
  write(entry: AccessEntry): void
  /** Applies new settings from the next line on. */
  reconfigure(config: AccessLogConfig): void
  /** Resolves when all lines are written, given up, or `flushTimeoutMs` has passed. Never rejects. */
  flush(): Promise<void>
  /** Flushes and releases the destination; later lines are ignored. Never rejects. */
  close(): Promise<void>
}

export interface AccessLogDeps extends ChunkQueueDeps {
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number
  /** Lines are gathered into chunks of at most this many bytes; 64 KiB by default. */
  readonly chunkBytes?: number
  /** Longest time a line waits for others to share its write; 100 ms by default. */
  readonly flushIntervalMs?: number
  /** Longest wait of `flush` and `close`; 2 s by default. */
  readonly flushTimeoutMs?: number
}

/**
 * Access log: lines are gathered into chunks and handed to the destination a chunk at a time, because a write per line
 * costs more than the line. Memory is bounded by `maxWaitingBytes` and one write inside the destination.
 */
export const accessLog = (initial: AccessLogConfig, deps: AccessLogDeps): AccessLog => {
  const { now = Date.now, chunkBytes = 65_536, flushIntervalMs = 100, flushTimeoutMs = 2000 } = deps
  const queue = chunkQueue(deps)
  let config = initial
  let closed = false
  let chunk = ''
  let lines = 0
  let timer: NodeJS.Timeout | undefined

  const cut = (): void => {
    if (lines > 0) queue.push({ text: chunk, lines })
    chunk = ''
    lines = 0
  }
  const tick = (): void => {
    timer = undefined
    cut()
  }
  const flush = async (): Promise<void> => {
    cut()
    if (!closed) await queue.flush(flushTimeoutMs)
  }
  return {
    write: (entry) => {
      if (!config.enabled || closed) return
      if (queue.full()) return deps.onDropped(1)
      const line = accessLine(entry, now(), config.query)
      if (chunk.length + line.length > chunkBytes) cut()
      chunk += line
      lines += 1
      timer ??= setTimeout(tick, flushIntervalMs).unref()
    },
    reconfigure: (next) => void (config = next),
    flush,
    close: async () => {
      if (closed) return
      clearTimeout(timer)
      await flush()
      closed = true
      queue.close()
    },
  }
}
