import { createHash } from 'node:crypto'
import type { Admin } from '@platformatic/kafka'
import type { QueueConfig } from '../../../config/model.ts'
import type { QueueStats } from '../broker.ts'
import { fetchNext, leaders } from './fetcher.ts'
import type { Clients } from './library.ts'
import { keyOf, scan, wholeLog } from './log-scan.ts'
import { deadLetterTopic, queueGroup, retryGroup, retryTopic } from './names.ts'
import { readEnvelope } from './records.ts'

/** What stands uncommitted in one partition. */
interface Backlog {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly count: number
}

/** Dead letters of one queue are counted by following its topic; the state of that between two questions. */
interface LetterCount {
  next: bigint
  /** Hashes of the live ones; beyond `maxCounted` they are counted without being told apart. */
  readonly live: Set<number>
  beyond: number
  running: Promise<void> | undefined
  complete: boolean
}

const maxCounted = 250_000
/** Partitions of a queue whose first record is looked at. */
const maxLooked = 32
const countWaitMs = 1500

export interface Statistics {
  /** @throws What the client throws. */
  of(queue: QueueConfig): Promise<QueueStats>
}

export function statistics(clients: Clients, admin: Admin): Statistics {
  const counts = new Map<string, LetterCount>()

  const backlog = async (topic: string, group: string): Promise<Backlog[]> => {
    const { EARLIEST, LATEST } = clients.library.ListOffsetTimestamps
    const partitions = (await admin.metadata({ topics: [topic] })).topics.get(topic)?.partitionsCount ?? 0
    const offsets = async (timestamp: bigint): Promise<Map<number, bigint>> => {
      const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp }))
      const [answer] = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] })
      return new Map(answer?.partitions.map((one) => [one.partitionIndex, one.offset]))
    }
    const [first, last, groups] = await Promise.all([offsets(EARLIEST), offsets(LATEST), admin.listConsumerGroupOffsets({ groups: [group] })])
    const committed = groups.flatMap((one) => one.topics).find((one) => one.name === topic)?.partitions
    return Array.from({ length: partitions }, (_, partition) => {
      const start = first.get(partition) ?? 0n
      const stored = committed?.find((one) => one.partitionIndex === partition)?.committedOffset ?? -1n
      const from = stored > start ? stored : start
      return { topic, partition, from, count: Number((last.get(partition) ?? from) - from) }
    }).filter((one) => one.count > 0)
  }
  /** Publishing time of the oldest of the first records, one per partition: near enough, since partitions are in the order of writing. */
  const oldest = async (backlogs: readonly Backlog[]): Promise<number | undefined> => {
    if (backlogs.length === 0) return undefined
    const reader = clients.reader()
    try {
      const leader = await leaders(reader, [...new Set(backlogs.map((one) => one.topic))])
      let found = Infinity
      for (const { topic, partition, from } of backlogs.slice(0, maxLooked)) {
        const cursor = { topic, partition, position: from }
        const node = leader(cursor)
        if (node === undefined) continue
        const records = await fetchNext(clients.library, reader, node, [cursor], { maxBytesPerPartition: 1, maxWaitMs: 50 })
        const [record] = records.get(cursor) ?? []
        if (record !== undefined) found = Math.min(found, readEnvelope(record).message.publishedAtMs)
      }
      return found === Infinity ? undefined : found
    } finally {
      await reader.close(true)
    }
  }
  const deadLetters = async (queue: string): Promise<number | undefined> => {
    let count = counts.get(queue)
    if (count === undefined) {
      count = { next: 0n, live: new Set(), beyond: 0, running: undefined, complete: false }
      counts.set(queue, count)
    }
    const state = count
    state.running ??= follow(queue, state)
      // Tried again at the next question.
      .catch(() => undefined)
      .finally(() => {
        state.running = undefined
      })
    // A long log is read over several questions.
    await Promise.race([state.running, new Promise((resolve) => setTimeout(resolve, countWaitMs))])
    return state.complete ? state.live.size + Math.max(0, state.beyond) : undefined
  }
  const follow = async (queue: string, state: LetterCount): Promise<void> => {
    const log = await wholeLog(clients, deadLetterTopic(queue))
    for await (const record of scan(clients, { ...log, start: state.next > log.start ? state.next : log.start })) {
      const hash = createHash('sha1').update(keyOf(record)).digest().readUIntBE(0, 6)
      if (record.value === undefined) {
        if (!state.live.delete(hash) && state.beyond > 0) state.beyond -= 1
      } else if (state.live.size < maxCounted) state.live.add(hash)
      else if (!state.live.has(hash)) state.beyond += 1
      state.next = record.offset + 1n
    }
    state.complete = true
  }
  return {
    async of(queue) {
      const [main, waiting, letters] = await Promise.all([
        backlog(queue.name, queueGroup(queue.name)),
        backlog(retryTopic(queue.name), retryGroup(queue.name)),
        queue.deadLetter ? deadLetters(queue.name) : 0,
      ])
      const all = [...main, ...waiting]
      return {
        queue: queue.name,
        depth: all.reduce((sum, one) => sum + one.count, 0),
        oldestAtMs: await oldest(all),
        deadLetters: letters,
      }
    },
  }
}
