import { setMaxListeners } from 'node:events'
import { GatewayError } from '../../errors.ts'
import type { Cursor } from './fetcher.ts'
import { offsetTracker } from './offset-tracker.ts'
import type { OffsetTracker } from './offset-tracker.ts'
import type { RawRecord } from './records.ts'

/** A partition that this member of the group has, from its assignment until it is taken away. */
export interface GroupPartition extends Cursor {
  /** Read, not delivered. */
  buffer: RawRecord[]
  bufferBytes: number
  /** Delivered, not settled. */
  held: number
  readonly tracker: OffsetTracker
  /** Offset that stands in the group, as far as is known here. */
  committed: bigint
  /** Settlements that wait for the commit of their offset. */
  waiters: CommitWaiter[]
  readonly lost: AbortController
}

export interface CommitWaiter {
  readonly offset: bigint
  resolve(): void
  reject(error: GatewayError): void
}

export function groupPartition(topic: string, partition: number, start: bigint): GroupPartition {
  const lost = new AbortController()
  // Every delivery listens to the signal of its partition.
  setMaxListeners(0, lost.signal)
  return {
    topic,
    partition,
    position: start,
    buffer: [],
    bufferBytes: 0,
    held: 0,
    tracker: offsetTracker(start),
    committed: start,
    waiters: [],
    lost,
  }
}

export function fill(partition: GroupPartition, records: readonly RawRecord[]): void {
  for (const record of records) {
    partition.buffer.push(record)
    partition.bufferBytes += weight(record)
  }
}

export function takeFirst(partition: GroupPartition): RawRecord | undefined {
  const record = partition.buffer.shift()
  if (record !== undefined) partition.bufferBytes -= weight(record)
  return record
}

export function empty(partition: GroupPartition): void {
  partition.buffer = []
  partition.bufferBytes = 0
}

/** The partition belongs to someone else now: what is unsettled will be delivered there. */
export function lose(partition: GroupPartition): void {
  partition.lost.abort()
  empty(partition)
  const detail = 'The partition was given to another member of the group; the message will be delivered again.'
  for (const waiter of partition.waiters.splice(0)) waiter.reject(new GatewayError('BROKER_UNAVAILABLE', { detail }))
}

function weight(record: RawRecord): number {
  return 128 + (record.key?.length ?? 0) + (record.value?.length ?? 0) + record.headers.length * 64
}
