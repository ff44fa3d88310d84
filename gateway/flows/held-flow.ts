import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayError } from '../errors.ts'
import type { NewRecord, RecordStore } from '../state/record-store.ts'
import { encoded, expiryOf, flowKind, hasEnded } from './flow-record.ts'
import type { FlowRecord } from './flow-record.ts'

/** A flow that this process works on: nobody else does, as long as its lease is renewed. */
export interface HeldFlow {
  readonly record: FlowRecord
  /** True once somebody else has it. */
  readonly lost: boolean
  /**
   * Stores the record as it is now and keeps the lease. Waits while the store is away.
   * @returns False when the flow is not ours any more, or the store stayed away: then nothing may be done for it.
   */
  keep(): Promise<boolean>
  /** Stores it and gives the lease up: it is due at `nextAtMs`, or never where it has ended. */
  release(): Promise<boolean>
  /** Renews the lease where no write has done so lately. Never rejects. */
  renew(): Promise<void>
}

export interface HoldDeps {
  readonly store: RecordStore
  /** How long a process is trusted that says nothing. */
  readonly leaseMs: number
  readonly renewMs: number
  /** Ends waits for the store. */
  readonly closing: AbortSignal
  epochNow(): number
}

/** How long a store is waited for that is away. */
const patienceMs = 60_000
const againMs = 250

/** @param stored Version under which `record` is in the store. */
export function heldFlow(record: FlowRecord, version: number, deps: HoldDeps): HeldFlow {
  const { store, leaseMs, renewMs, closing, epochNow } = deps
  let current = version
  let lost = false
  let writtenAtMs = epochNow()
  /** Writes go one after the other. */
  let last: Promise<unknown> = Promise.resolve()

  const inTurn = <Result>(write: () => Promise<Result>): Promise<Result> => {
    const mine = last.then(write, write)
    last = mine.catch(() => undefined)
    return mine
  }

  const put = async (dueAtMs: number): Promise<boolean> => {
    const nowMs = epochNow()
    const next = { ...recordOf(record, nowMs), dueAtMs }
    const stored = (await store.put(next, current)) ?? (await afterOwnWrite(next))
    if (stored === undefined) {
      lost = true
      return false
    }
    current = stored
    writtenAtMs = nowMs
    return true
  }

  /** A write that was stored although its answer was lost looks like one of somebody else: the next one goes on top of it. */
  const afterOwnWrite = async (next: NewRecord): Promise<number | undefined> => {
    const stored = await store.get(flowKind, record.id)
    if (stored === undefined || (JSON.parse(stored.value) as FlowRecord).owner !== record.owner) return undefined
    return store.put(next, stored.version)
  }

  const patiently = async (dueAtMs: () => number): Promise<boolean> => {
    const untilMs = epochNow() + patienceMs
    for (;;) {
      if (lost) return false
      try {
        return await put(dueAtMs())
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'STATE_UNAVAILABLE') throw error
        if (closing.aborted || epochNow() >= untilMs) return false
        await sleep(againMs, undefined, { signal: closing }).catch(() => undefined)
      }
    }
  }

  return {
    record,
    get lost() {
      return lost
    },
    keep: () => inTurn(() => patiently(() => epochNow() + leaseMs)),
    release: () => inTurn(() => patiently(() => (hasEnded(record.state) ? Infinity : Math.max(record.nextAtMs, epochNow())))),
    renew: () =>
      inTurn(async () => {
        if (lost || epochNow() - writtenAtMs < renewMs) return
        // A store that is away is noticed by the next write that matters.
        await put(epochNow() + leaseMs).catch(() => undefined)
      }),
  }
}

export const recordOf = (record: FlowRecord, nowMs: number): Omit<NewRecord, 'dueAtMs'> => ({
  kind: flowKind,
  id: record.id,
  group: record.flow,
  state: record.state,
  createdAtMs: record.createdAtMs,
  expiresAtMs: expiryOf(record, nowMs),
  value: encoded(record),
})
