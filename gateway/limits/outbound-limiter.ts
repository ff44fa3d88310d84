import type { RateConfig } from '../../config/model.ts'
import { systemClock } from './clock.ts'
import type { LimitClock } from './clock.ts'
import { grantLog } from './grant-log.ts'
import type { GrantSource } from './grant-log.ts'
import { waitingLine } from './waiting-line.ts'
import type { Priority, TakeOptions, Taken, WaitingLine } from './waiting-line.ts'

/** Keeps calls to providers below the rates that they allow. */
export interface OutboundLimiter {
  /**
   * A grant is one call. Never more than `rate.limit` are given in any window of `rate.windowMs`, wherever it begins. Who waits is served by
   * priority, then in order; who would wait longer than `maxWaitMs` is told so at once, with the time after which to come again. Never
   * rejects: an abort is no grant either.
   * @param bucket What has the rate: `payment`, `email/send_bulk`. They come from the configuration, so that there are few.
   */
  take(bucket: string, rate: RateConfig, priority: Priority, options: TakeOptions): Promise<Taken>
  /** Calls that wait for a grant at this moment. */
  readonly waiting: number
}

export interface OutboundLimits extends OutboundLimiter {
  /** Where grants come from, from now on; the one before is closed. Undefined: this process alone keeps the limits. */
  share(source: GrantSource | undefined): void
  /** Who waits is told to come again. */
  close(): void
}

const manyLines = 1000

/** The limits of one process, until `share` makes them those of several. */
export function outboundLimits(clock: LimitClock = systemClock): OutboundLimits {
  const local = grantLog(clock.now)
  const lines = new Map<string, WaitingLine>()
  let source: GrantSource = local

  const lineOf = (bucket: string): WaitingLine => {
    const known = lines.get(bucket)
    if (known !== undefined) return known
    if (lines.size >= manyLines) for (const [name, line] of lines) if (line.idle) lines.delete(name)
    const line = waitingLine(bucket, () => source, clock)
    lines.set(bucket, line)
    return line
  }

  return {
    take: (bucket, rate, priority, options) => lineOf(bucket).take(rate, priority, options),
    get waiting() {
      return [...lines.values()].reduce((sum, { waiting }) => sum + waiting, 0)
    },
    share: (shared) => {
      if (source !== local) source.close()
      source = shared ?? local
      for (const line of lines.values()) line.renew()
    },
    close: () => {
      for (const line of lines.values()) line.close()
      source.close()
    },
  }
}
