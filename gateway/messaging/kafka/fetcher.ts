import type { Consumer, RecordsBatch } from '@platformatic/kafka'
import type { KafkaLibrary } from './library.ts'
import { isProtocolError } from './library.ts'
import type { RawRecord } from './records.ts'

/** A partition that is read, and from where on. */
export interface Cursor {
  readonly topic: string
  readonly partition: number
  /** Offset of the next record to read. */
  position: bigint
}

export interface FetchOptions {
  readonly maxBytesPerPartition: number
  /** How long the broker may wait for a first record. */
  readonly maxWaitMs: number
}

/**
 * Reads what comes next in partitions that have the same leader and moves their cursors on. A record is never split: one that is larger than
 * `maxBytesPerPartition` comes alone. Records that retention has removed are passed over.
 * @throws What the client throws; the cursors stand where they stood.
 */
export async function fetchNext<Place extends Cursor>(
  library: KafkaLibrary,
  reader: Consumer,
  node: number,
  cursors: readonly Place[],
  options: FetchOptions,
): Promise<Map<Place, RawRecord[]>> {
  const topics = [...new Set(cursors.map((cursor) => cursor.topic))]
  for (const topic of topics) if (!reader.topics.has(topic)) reader.topics.track(topic)
  const metadata = await reader.metadata({ topics })
  const ids = new Map(topics.map((topic) => [metadata.topics.get(topic)?.id ?? '', topic]))
  const asked = new Map(cursors.map((cursor) => [place(cursor.topic, cursor.partition), { cursor, from: cursor.position }]))
  let response: Awaited<ReturnType<Consumer['fetch']>>
  try {
    response = await reader.fetch({
      node,
      maxWaitTime: options.maxWaitMs,
      minBytes: 1,
      maxBytes: options.maxBytesPerPartition * cursors.length,
      topics: [...ids].map(([topicId, topic]) => ({
        topicId,
        partitions: cursors
          .filter((cursor) => cursor.topic === topic)
          .map((cursor) => ({
            partition: cursor.partition,
            currentLeaderEpoch: -1,
            fetchOffset: cursor.position,
            lastFetchedEpoch: -1,
            partitionMaxBytes: options.maxBytesPerPartition,
          })),
      })),
    })
  } catch (error) {
    if (!isProtocolError(library, error, 'OFFSET_OUT_OF_RANGE')) throw error
    await intoRange(library, reader, cursors)
    return new Map()
  }
  const found = new Map<Place, RawRecord[]>()
  for (const { topicId, partitions } of response.responses) {
    const topic = ids.get(topicId)
    for (const partition of partitions) {
      const question = topic === undefined ? undefined : asked.get(place(topic, partition.partitionIndex))
      // What was not asked for lingers in the session with the broker; what was moved meanwhile is read anew.
      if (question === undefined || question.cursor.position !== question.from) continue
      const records = read(library, question.cursor, partition.records ?? [])
      if (records.length > 0) found.set(question.cursor, records)
    }
  }
  return found
}

function read(library: KafkaLibrary, cursor: Cursor, batches: readonly RecordsBatch[]): RawRecord[] {
  const records: RawRecord[] = []
  const from = cursor.position
  for (const batch of batches) {
    const next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n
    if (next > cursor.position) cursor.position = next
    if ((batch.attributes & library.IS_CONTROL) !== 0) continue
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta)
      // A batch comes whole, also when the cursor stands in its middle.
      if (offset < from) continue
      records.push({
        topic: cursor.topic,
        partition: cursor.partition,
        offset,
        timestampMs: Number(batch.firstTimestamp + record.timestampDelta),
        key: record.key ?? undefined,
        value: record.value ?? undefined,
        headers: record.headers,
      })
    }
  }
  return records
}

/** Moves cursors that stand before the first or behind the last record to the first one there is. */
async function intoRange(library: KafkaLibrary, reader: Consumer, cursors: readonly Cursor[]): Promise<void> {
  const topics = [...new Set(cursors.map((cursor) => cursor.topic))]
  const first = await reader.listOffsets({ topics, timestamp: library.ListOffsetTimestamps.EARLIEST })
  const last = await reader.listOffsets({ topics, timestamp: library.ListOffsetTimestamps.LATEST })
  for (const cursor of cursors) {
    const start = first.get(cursor.topic)?.[cursor.partition]
    const end = last.get(cursor.topic)?.[cursor.partition]
    if (start !== undefined && end !== undefined && (cursor.position < start || cursor.position > end)) cursor.position = start
  }
}

/** Node that leads each partition; undefined while there is none. */
export async function leaders(reader: Consumer, topics: readonly string[]): Promise<(cursor: Cursor) => number | undefined> {
  const metadata = await reader.metadata({ topics: [...topics] })
  return (cursor) => {
    const leader = metadata.topics.get(cursor.topic)?.partitions[cursor.partition]?.leader
    return leader === undefined || leader < 0 ? undefined : leader
  }
}

const place = (topic: string, partition: number): string => `${topic}:${partition}`
