import { fetchNext, leaders } from './fetcher.ts'
import type { Clients } from './library.ts'
import type { RawRecord } from './records.ts'

/** Part of the only partition of a topic; `end` is exclusive. */
export interface LogRange {
  readonly topic: string
  readonly start: bigint
  readonly end: bigint
}

const chunkBytes = 1024 * 1024

/** The only partition of a topic as it is now. @throws What the client throws. */
export async function wholeLog(clients: Clients, topic: string): Promise<LogRange> {
  const reader = clients.reader()
  try {
    const { EARLIEST, LATEST } = clients.library.ListOffsetTimestamps
    const start = (await reader.listOffsets({ topics: [topic], timestamp: EARLIEST })).get(topic)?.[0] ?? 0n
    const end = (await reader.listOffsets({ topics: [topic], timestamp: LATEST })).get(topic)?.[0] ?? 0n
    return { topic, start, end }
  } finally {
    await reader.close(true)
  }
}

/** The records of the range, tombstones included, a megabyte or so in memory at a time. @throws What the client throws. */
export async function* scan(clients: Clients, range: LogRange): AsyncGenerator<RawRecord> {
  const cursor = { topic: range.topic, partition: 0, position: range.start }
  const reader = clients.reader()
  try {
    while (cursor.position < range.end) {
      const node = (await leaders(reader, [range.topic]))(cursor)
      if (node === undefined) throw new Error(`the topic ${range.topic} has no leader`)
      const from = cursor.position
      const found = await fetchNext(clients.library, reader, node, [cursor], { maxBytesPerPartition: chunkBytes, maxWaitMs: 500 })
      for (const record of found.get(cursor) ?? []) if (record.offset < range.end) yield record
      // Compaction has removed the rest.
      if (cursor.position === from) return
    }
  } finally {
    await reader.close(true)
  }
}

/** Letters whose fate is looked up in one pass; each takes about 200 bytes meanwhile. */
const windowLetters = 50_000

/**
 * The live records of a compacted log, oldest first: those that no later record of their key replaces or removes. Compaction lags, so
 * this is found out by reading: window after window, once to the end to see what lives and once more for its records.
 */
export async function* liveRecords(clients: Clients, log: LogRange, window = windowLetters): AsyncGenerator<RawRecord> {
  for (let from = log.start; from < log.end; ) {
    const live = new Map<string, bigint>()
    let next: bigint | undefined
    for await (const record of scan(clients, { ...log, start: from })) {
      const key = keyOf(record)
      const isKnown = live.delete(key)
      if (record.value === undefined || next !== undefined) continue
      if (isKnown || live.size < window) live.set(key, record.offset)
      else next = record.offset
    }
    const end = next ?? log.end
    if (live.size > 0) {
      for await (const record of scan(clients, { ...log, start: from, end })) if (live.get(keyOf(record)) === record.offset) yield record
    }
    from = end
  }
}

/** As text that keeps every byte. */
export const keyOf = (record: RawRecord): string => record.key?.toString('latin1') ?? ''
