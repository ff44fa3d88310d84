import { fetchNext, leaders } from './fetcher.ts'
import { fill } from './group-partition.ts'
import type { GroupPartition } from './group-partition.ts'
import { briefly } from './library.ts'
import type { Clients } from './library.ts'
import type { Link } from './link.ts'

/** Keeps the buffers of partitions filled, with one request at a time to each node that leads some of them. */
export interface Feed {
  /** Partitions have come, or room in their buffers. */
  wake(): void
  close(): Promise<void>
}

export interface FeedOptions {
  readonly clients: Clients
  readonly link: Link
  readonly topics: readonly string[]
  partitions(): Iterable<GroupPartition>
  /** Whether records are wanted at all. */
  isWanted(): boolean
  onRecords(): void
}

/** Of one partition in one request; a record that is larger comes alone. A buffer holds once and a half of it. */
const fetchBytes = 512 * 1024
const fetchWaitMs = 500
/** While a partition is left out because its buffer is full, so that it need not wait for the records of others. */
const shortFetchWaitMs = 25
const errorPauseMs = 250

export function feed(options: FeedOptions): Feed {
  const { clients, link } = options
  const reader = clients.reader()
  const busyNodes = new Set<number>()
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const hasRoom = (partition: GroupPartition): boolean => partition.bufferBytes < fetchBytes / 2
  const round = async (): Promise<void> => {
    const partitions = [...options.partitions()]
    if (isClosed || !options.isWanted() || !partitions.some(hasRoom)) return
    try {
      const leader = await leaders(reader, options.topics)
      for (const [node, led] of Map.groupBy(partitions, leader)) {
        const hungry = led.filter(hasRoom)
        if (node === undefined) again(errorPauseMs)
        else if (hungry.length > 0 && !busyNodes.has(node)) void fetchFrom(node, hungry, hungry.length < led.length)
      }
    } catch (error) {
      failed(error)
    }
  }
  const fetchFrom = async (node: number, partitions: readonly GroupPartition[], isHurried: boolean): Promise<void> => {
    busyNodes.add(node)
    try {
      const found = await fetchNext(clients.library, reader, node, partitions, {
        maxBytesPerPartition: fetchBytes,
        maxWaitMs: isHurried ? shortFetchWaitMs : fetchWaitMs,
      })
      busyNodes.delete(node)
      if (isClosed || !options.isWanted()) return
      for (const [partition, records] of found) if (!partition.lost.signal.aborted) fill(partition, records)
      link.succeeded()
      options.onRecords()
      again(0)
    } catch (error) {
      busyNodes.delete(node)
      failed(error)
    }
  }
  const failed = (error: unknown): void => {
    if (isClosed) return
    link.failed(error)
    again(errorPauseMs)
  }
  const again = (ms: number): void => {
    if (isClosed) return
    clearTimeout(timer)
    timer = setTimeout(() => void round(), ms)
  }
  return {
    wake: () => again(0),
    async close() {
      isClosed = true
      clearTimeout(timer)
      await briefly(reader.close(true), 1000)
    },
  }
}
