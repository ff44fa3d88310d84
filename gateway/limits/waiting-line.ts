import type { RateConfig } from '../../config/model.ts'
import type { LimitClock } from './clock.ts'
import { total } from './grant-log.ts'
import type { Demand, GrantSource } from './grant-log.ts'

export type Priority = 0 | 1 | 2

export type Taken = { readonly granted: true } | { readonly granted: false; readonly retryAfterMs: number }

export interface TakeOptions {
  /** How long to wait for a grant; 0 takes one that is there. */
  readonly maxWaitMs: number
  readonly signal?: AbortSignal
}

/** Calls of each priority that may wait for one bucket; more are refused at once. */
const maxWaiting = 10_000

const soonestMs = 1

interface Waiter {
  readonly priority: Priority
  readonly untilMs: number
  /** The source has been asked for it at least once. */
  answered: boolean
  settle(taken: Taken): void
}

/** Those who wait for grants of one bucket: all of P0 before all of P1 before all of P2, each in the order in which they came. */
export interface WaitingLine {
  readonly waiting: number
  /** Nobody waits, and nothing is known that would have to be remembered. */
  readonly idle: boolean
  take(rate: RateConfig, priority: Priority, options: TakeOptions): Promise<Taken>
  /** Grants come from another source from now on. */
  renew(): void
  close(): void
}

/**
 * @param source Asked once for all who have come in the same turn, and not again before the time that it has named: while nothing is free,
 * a call that does not want to wait that long costs nothing.
 */
export function waitingLine(bucket: string, source: () => GrantSource, clock: LimitClock): WaitingLine {
  const lanes = [new Set<Waiter>(), new Set<Waiter>(), new Set<Waiter>()] as const
  /** Came since the source was asked last. */
  let fresh: Waiter[] = []
  let rate: RateConfig = { limit: 1, windowMs: 0 }
  /** Before this the source has nothing. */
  let nextAtMs = -Infinity
  /** What the source knows of: it keeps grants for them from others of lower priority. */
  let announced: Demand = [0, 0, 0]
  let asking = false
  let scheduled = false
  let closed = false
  let callOff: (() => void) | undefined

  const demand = (): Demand => [lanes[0].size, lanes[1].size, lanes[2].size]

  /** At the earliest, and by what is known now: as if nobody of higher priority came, and nobody who is ahead went. */
  const waitMs = (ahead: number): number => Math.max(0, nextAtMs - clock.now()) + Math.floor(ahead / rate.limit) * rate.windowMs

  const refuse = (waiter: Waiter, ahead: number): void => waiter.settle({ granted: false, retryAfterMs: Math.max(1, Math.ceil(waitMs(ahead))) })

  const aheadOf = (priority: Priority): number => lanes.slice(0, priority + 1).reduce((sum, { size }) => sum + size, 0)

  /** Those of `arrived` who would wait in vain are told so now. @param later Came after them. */
  const weedOut = (arrived: readonly Waiter[], later: readonly Waiter[]): void => {
    const still = arrived.filter((waiter) => lanes[waiter.priority].has(waiter))
    const behind: [number, number, number] = [0, 0, 0]
    for (const waiter of [...still, ...later]) if (lanes[waiter.priority].has(waiter)) behind[waiter.priority] += 1
    for (const waiter of still) {
      const { priority, untilMs } = waiter
      behind[priority] -= 1
      const ahead = aheadOf(priority) - behind[priority] - 1
      if (clock.now() + waitMs(ahead) >= untilMs) refuse(waiter, ahead)
    }
  }

  const serve = (grants: number): void => {
    let left = grants
    for (const lane of lanes) {
      for (const waiter of lane) {
        if (left === 0) return
        left -= 1
        waiter.settle({ granted: true })
      }
    }
  }

  const ask = async (): Promise<void> => {
    scheduled = false
    if (asking || closed) return
    const wanted = demand()
    if (total(wanted) === 0 && total(announced) === 0) return
    callOff?.()
    asking = true
    const arrived = fresh
    fresh = []
    const { granted, nextInMs, askInMs = nextInMs } = await source().take(bucket, rate, wanted)
    asking = false
    announced = [wanted[0] - granted[0], wanted[1] - granted[1], wanted[2] - granted[2]]
    if (total(wanted) > 0) nextAtMs = nextInMs === 0 ? -Infinity : clock.now() + nextInMs
    for (const waiter of arrived) waiter.answered = true
    serve(total(granted))
    // Who came meanwhile was not asked for.
    const later = fresh
    if (total(announced) > 0) weedOut(arrived, later)
    if (later.length > 0) schedule()
    else if (total(demand()) > 0) callOff = clock.after(Math.max(soonestMs, askInMs), schedule)
    else if (total(announced) > 0) schedule()
  }

  /** After all who come in this turn. */
  function schedule(): void {
    if (scheduled) return
    scheduled = true
    queueMicrotask(() => void ask())
  }

  const join = (priority: Priority, { maxWaitMs, signal }: TakeOptions): Promise<Taken> =>
    new Promise((resolve) => {
      let callOffLimit: (() => void) | undefined
      const give = (): void => refuse(waiter, Math.max(0, aheadOf(priority) - 1))
      const waiter: Waiter = {
        priority,
        untilMs: clock.now() + maxWaitMs,
        answered: false,
        settle: (taken) => {
          lanes[priority].delete(waiter)
          callOffLimit?.()
          signal?.removeEventListener('abort', give)
          resolve(taken)
          if (!taken.granted && total(demand()) === 0 && total(announced) > 0) schedule()
        },
      }
      lanes[priority].add(waiter)
      fresh.push(waiter)
      // A call that takes only what is there is answered when the source has answered.
      if (maxWaitMs > 0 && maxWaitMs !== Infinity) callOffLimit = limited(waiter, give)
      signal?.addEventListener('abort', give, { once: true })
    })

  const limited = (waiter: Waiter, give: () => void): (() => void) => {
    let off: () => void
    const look = (): void => {
      const leftMs = waiter.untilMs - clock.now()
      if (leftMs > 0) off = clock.after(leftMs, look)
      // How long the source takes to answer at all says nothing about the limit: a call is not refused for what is still free.
      else if (waiter.answered || !(asking || scheduled)) give()
    }
    off = clock.after(waiter.untilMs - clock.now(), look)
    return () => off()
  }

  return {
    get waiting() {
      return total(demand())
    },
    get idle() {
      return total(demand()) === 0 && total(announced) === 0 && !asking && nextAtMs <= clock.now()
    },
    take: (wanted, priority, options) => {
      if (wanted.limit !== rate.limit || wanted.windowMs !== rate.windowMs) nextAtMs = -Infinity
      rate = wanted
      const ahead = aheadOf(priority)
      const blocked = nextAtMs > clock.now()
      const inVain = (blocked && waitMs(ahead) >= options.maxWaitMs) || lanes[priority].size >= maxWaiting || options.signal?.aborted === true
      if (closed || inVain) return Promise.resolve({ granted: false, retryAfterMs: Math.max(1, Math.ceil(waitMs(ahead))) })
      const taken = join(priority, options)
      if (!blocked || announced[priority] === 0) schedule()
      return taken
    },
    renew: () => {
      nextAtMs = -Infinity
      announced = [0, 0, 0]
      if (total(demand()) > 0) schedule()
    },
    close: () => {
      closed = true
      callOff?.()
      for (const lane of lanes) for (const waiter of lane) refuse(waiter, 0)
    },
  }
}
