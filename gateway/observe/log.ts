import { pino } from 'pino'
import type { Logger } from 'pino'
import type { LogLevel } from '../../config/model.ts'
import { logDestination } from './log-destination.ts'

export interface GatewayLog {
  /** pino's logger: `log.info({ route }, 'text')`. Set `level` to change the least severity that is written. */
  readonly log: Logger
  /** Writes what waits. Never rejects, and waits for at most 2 s. */
  flush(): Promise<void>
  /** As `flush`; then the descriptor is given up, and later lines are ignored. To be called before the process exits. */
  close(): Promise<void>
  /** Gives the descriptor up at once. At exit, sonic-boom would try for ever to write what a broken one does not take. */
  abandon(): void
}

const maxWaitingBytes = 1_048_576
const flushTimeoutMs = 2000

/**
 * The gateway's own log: one JSON line per event with `level` as a word and `time` in milliseconds since 1970.
 * Lines beyond 1 MiB that the descriptor does not take are dropped; a broken descriptor is ignored: a gateway must not
 * stop because nobody reads its log.
 * @param fd File descriptor; 2 (standard error) by default.
 */
export const gatewayLog = (level: LogLevel, fd = 2): GatewayLog => {
  const destination = logDestination({ fd, maxBytes: maxWaitingBytes })
  destination.on('error', () => {})
  const log = pino({ level, base: null, formatters: { level: (label) => ({ level: label }) } }, destination)
  const flush = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, flushTimeoutMs)
      destination.flush(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  const abandon = (): void => destination.destroy()
  return { log, flush, close: () => flush().then(abandon), abandon }
}
