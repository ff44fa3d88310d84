import type { LogDestination } from './log-destination.ts'

/** Some lines that are written together. */
export interface Chunk {
  /** ASCII, so that its length is its size in bytes. */
  readonly text: string
  readonly lines: number
}

export interface ChunkQueueDeps {
  readonly destination: LogDestination
  /** Told how many lines were lost because the destination was slow or broken. */
  readonly onDropped: (lines: number) => void
  /** Bytes that wait for a slow destination before lines are dropped; 1 MiB by default. */
  readonly maxWaitingBytes?: number
  /**
   * Chunks that waited together are written together up to this many bytes; 64 KiB by default.
   * Linux keeps writes apart that fit into the pipe; where several processes share a pipe whose reader may be slow, only
   * writes of at most 4096 bytes (PIPE_BUF) never mix.
   */
  readonly maxWriteBytes?: number
  /** Wait between two tries on a broken destination; 1 s by default. */
  readonly retryMs?: number
}

/** Holds chunks back while the destination is busy or broken. */
export interface ChunkQueue {
  /** Whether nothing more should be made. */
  full(): boolean
  push(chunk: Chunk): void
  /** Resolves when all is written, writing failed, or the time is over. Never rejects. */
  flush(timeoutMs: number): Promise<void>
  /** Gives up what still waits, and the destination. */
  close(): void
}

export const chunkQueue = ({
  destination,
  onDropped,
  maxWaitingBytes = 1_048_576,
  maxWriteBytes = 65_536,
  retryMs = 1000,
}: ChunkQueueDeps): ChunkQueue => {
  const chunks: Chunk[] = []
  let bytes = 0
  /** From a write until the destination has emptied itself. */
  let busy = false
  let linesInWrite = 0
  let retryTimer: NodeJS.Timeout | undefined
  /** Flushes under way: called when the queue is empty (true) or the destination failed (false). */
  let settlers: ((empty: boolean) => void)[] = []

  const settle = (empty: boolean): void => {
    const called = settlers
    settlers = []
    for (const settler of called) settler(empty)
  }
  /** Takes as many chunks as one write may hold, at least one. */
  const joined = (): string => {
    let text = ''
    for (let next = chunks[0]; next !== undefined && (text === '' || text.length + next.text.length <= maxWriteBytes); next = chunks[0]) {
      text += next.text
      linesInWrite += next.lines
      chunks.shift()
    }
    bytes -= text.length
    return text
  }
  const pump = (): void => {
    if (busy) return
    if (chunks.length === 0) return settle(true)
    busy = true
    destination.write(joined())
  }
  destination.on('drain', () => {
    busy = false
    linesInWrite = 0
    pump()
  })
  destination.on('error', () => {
    busy = true
    settle(false)
    // sonic-boom keeps the bytes of a failed write and tries them first when it is flushed.
    retryTimer ??= setTimeout(() => {
      retryTimer = undefined
      destination.flush(() => {})
    }, retryMs).unref()
  })
  return {
    full: () => bytes >= maxWaitingBytes,
    push: (chunk) => {
      chunks.push(chunk)
      bytes += chunk.text.length
      pump()
    },
    flush: (timeoutMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        const done = (): void => {
          clearTimeout(timer)
          resolve()
        }
        settlers.push((empty) => (empty ? destination.flush(done) : done()))
        pump()
      }),
    close: () => {
      clearTimeout(retryTimer)
      const lost = chunks.reduce((sum, { lines }) => sum + lines, linesInWrite)
      chunks.length = 0
      if (lost > 0) onDropped(lost)
      if (busy) destination.destroy()
      else destination.end()
    },
  }
}
