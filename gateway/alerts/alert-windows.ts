import { createHash } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { RecordStore } from '../state/record-store.ts'

const alertKind = 'alert'

/** How often one thing is told. Shared by all processes with the same store. */
export interface AlertWindows {
  /**
   * Opens a window for the thing, or counts `count` alerts in the one that is open.
   * @returns How many alerts were left out before it, and when it was opened; undefined: one is open, nothing is to be sent.
   */
  open(channel: string, about: string, forMs: number, count: number): Promise<OpenedWindow | undefined>
  /** What was to be sent could not be sent: the next alert opens a new window, and tells of `count` more. */
  release(channel: string, about: string, count: number): Promise<void>
}

export interface OpenedWindow {
  readonly suppressed: number
  readonly openedAtMs: number
}

interface WindowValue {
  readonly openedAtMs: number
  readonly untilMs: number
  readonly suppressed: number
}

export interface AlertWindowsDeps {
  /** Always the one in force. */
  readonly store: Pick<RecordStore, 'get' | 'put'>
  epochNow(): number
}

/** For how long the number of those left out is remembered. */
const keepMs = 24 * 3_600_000
const maxTries = 8
/** Windows that are known while the store is away. */
const maxLocal = 1000

export function alertWindows({ store, epochNow }: AlertWindowsDeps): AlertWindows {
  const local = new Map<string, WindowValue>()

  const put = (id: string, channel: string, value: WindowValue, version: number): Promise<number | undefined> =>
    store.put(
      {
        kind: alertKind,
        id,
        group: channel,
        state: 'told',
        dueAtMs: Infinity,
        expiresAtMs: Math.max(value.untilMs, epochNow()) + keepMs,
        createdAtMs: epochNow(),
        value: JSON.stringify(value),
      },
      version,
    )

  /** @returns Undefined when others were faster each time. */
  const changed = async <Result>(
    channel: string,
    about: string,
    change: (now: WindowValue) => readonly [WindowValue, Result],
  ): Promise<Result | undefined> => {
    const id = idOf(channel, about)
    for (let tries = 0; tries < maxTries; tries += 1) {
      const stored = await store.get(alertKind, id)
      const [next, result] = change(stored === undefined ? nothing : (JSON.parse(stored.value) as WindowValue))
      if ((await put(id, channel, next, stored?.version ?? 0)) !== undefined) return result
    }
    return undefined
  }

  /** Without a store each process keeps its own windows: rather told twice than not at all. */
  const locally = <Result>(channel: string, about: string, change: (now: WindowValue) => readonly [WindowValue, Result]): Result => {
    const id = idOf(channel, about)
    const [next, result] = change(local.get(id) ?? nothing)
    local.delete(id)
    for (const old of local.keys()) if (local.size >= maxLocal) local.delete(old)
    local.set(id, next)
    return result
  }

  const change = async <Result>(
    channel: string,
    about: string,
    how: (now: WindowValue) => readonly [WindowValue, Result],
  ): Promise<Result | undefined> => {
    try {
      return await changed(channel, about, how)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return locally(channel, about, how)
    }
  }

  return {
    open: (channel, about, forMs, count) => {
      const nowMs = epochNow()
      return change<OpenedWindow | undefined>(channel, about, (now) => {
        if (nowMs < now.untilMs) return [{ ...now, suppressed: now.suppressed + count }, undefined]
        return [
          { openedAtMs: nowMs, untilMs: nowMs + forMs, suppressed: 0 },
          { suppressed: now.suppressed + count - 1, openedAtMs: nowMs },
        ]
      })
    },
    release: async (channel, about, count) => {
      await change(channel, about, (now) => [{ ...now, untilMs: 0, suppressed: now.suppressed + count }, undefined])
    },
  }
}

const nothing: WindowValue = { openedAtMs: 0, untilMs: 0, suppressed: 0 }

const idOf = (channel: string, about: string): string =>
  createHash('sha256')
    .update(JSON.stringify([channel, about]))
    .digest('hex')
