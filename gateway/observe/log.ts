import { pino, stdSerializers } from 'pino'
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
  const log = pino({ level, base: null, formatters: { level: (label) => ({ level: label }) }, serializers: { err: errorFields } }, destination)
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

/**
 * What is written of an error: its name, text, code and stack, those of its causes included. Other properties are left out: HTTP clients of adapters
 * keep requests in them, with their credentials. Never throws: pino marks errors while it reads them, which frozen ones do not allow.
 */
const errorFields = (error: unknown): unknown => {
  if (!(error instanceof Error)) return typeof error === 'object' && error !== null ? 'a value that is no error' : error
  try {
    const { type, message, stack, code } = stdSerializers.err(Object.isExtensible(error) ? error : copied(error))
    return { type, message, ...(typeof code === 'string' ? { code } : {}), stack }
  } catch {
    return { type: 'Error', message: 'an error that cannot be read' }
  }
}

const copied = ({ name, message, stack, cause }: Error): Error => Object.assign(new Error(message, { cause }), { name, stack })
