import type { BrokerLog } from '../../broker.ts'

const maxEntries = 10_000
const maxBytes = 16 * 1024 * 1024

const soonMs = 100

/** What an entry costs beside what it carries. */
const entryBytes = 500

interface Entry {
  readonly bytes: number
  /** Rejects when the store is still away. */
  pay(): Promise<unknown>
}

/**
 * Writes that the store is owed: it was away when they came up, and nobody waits for them. They are made when it is back, in their order.
 * Bounded: what does not fit is given up, with a line in the log.
 */
export interface Arrears {
  /** @param name Of an entry that this one replaces. @param bytes What it holds in memory. */
  owe(name: string, bytes: number, pay: () => Promise<unknown>): void
  /** No longer owed: something newer is on its way. */
  drop(name: string): void
  /** Makes what is owed, until the store is away again. Never rejects. */
  settle(): Promise<void>
}

export function arrears(log: BrokerLog): Arrears {
  const entries = new Map<string, Entry>()
  let bytes = 0
  let given = 0
  let settling: Promise<void> | undefined
  let soon: NodeJS.Timeout | undefined

  const drop = (name: string): void => {
    bytes -= entries.get(name)?.bytes ?? 0
    entries.delete(name)
  }

  const payAll = async (): Promise<void> => {
    for (const [name, entry] of entries) {
      try {
        await entry.pay()
      } catch {
        return
      }
      if (entries.get(name) === entry) drop(name)
    }
    if (given > 0) log.warn({ given_up: given }, 'not all changes of messages could be kept while their store was away')
    given = 0
  }

  const settle = (): Promise<void> => {
    clearTimeout(soon)
    soon = undefined
    settling ??= payAll().finally(() => {
      settling = undefined
    })
    return settling
  }

  return {
    owe: (name, payload, pay) => {
      drop(name)
      const entry = { bytes: payload + entryBytes, pay }
      if (entries.size >= maxEntries || bytes + entry.bytes > maxBytes) {
        given += 1
        return
      }
      entries.set(name, entry)
      bytes += entry.bytes
      // Perhaps it was a short trouble of one write, and no new connection will be the occasion.
      soon ??= setTimeout(() => void settle(), soonMs).unref()
    },
    drop,
    settle,
  }
}
