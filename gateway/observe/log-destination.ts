import { pino } from 'pino'

/** Where log text goes. pino's own destination (sonic-boom) is one; tests bring others. */
export interface LogDestination {
  /** Takes whole lines. */
  write(text: string): unknown
  /** All that was taken is written. */
  on(event: 'drain', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Writes what is buffered, or tries again after an error. @param done Called when all is written or writing failed; must be given. */
  flush(done: (error?: Error) => void): void
  /** Writes the rest, then releases the descriptor (not 1 and 2). */
  end(): void
  /** Releases the descriptor and forgets the rest. */
  destroy(): void
}

export interface LogDestinationOptions {
  /** File descriptor. */
  readonly fd: number
  /** Bytes that may wait; what goes beyond is dropped. No limit by default. */
  readonly maxBytes?: number
}

/**
 * pino's destination, asynchronous: writes happen off the hot path, a busy descriptor (EAGAIN) is tried again until
 * the destination is destroyed, and a broken one (EPIPE) is an `error` event.
 */
export const logDestination = ({ fd, maxBytes }: LogDestinationOptions): LogDestination => {
  const open = { value: true }
  const destination = pino.destination({
    fd,
    sync: false,
    // More than zero, because only then does sonic-boom's `flush` wait for a write under way.
    minLength: 1,
    ...(maxBytes === undefined ? {} : { maxLength: maxBytes }),
    retryEAGAIN: () => open.value,
  })
  destination.on('close', () => void (open.value = false))
  return destination
}
