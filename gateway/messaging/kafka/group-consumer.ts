import type { Consumer } from '@platformatic/kafka'
import { GatewayError } from '../../errors.ts'
import type { BrokerLog } from '../broker.ts'
import { commits } from './commits.ts'
import { feed } from './feed.ts'
import { empty, groupPartition, lose, takeFirst } from './group-partition.ts'
import type { GroupPartition } from './group-partition.ts'
import { isProtocolError } from './library.ts'
import type { Clients } from './library.ts'
import type { Link } from './link.ts'
import { membership } from './membership.ts'
import type { RawRecord } from './records.ts'

/** One record, until it is settled. */
export interface HeldRecord {
  readonly record: RawRecord
  /** Aborted when its partition has gone to another member. */
  readonly lost: AbortSignal
  /**
   * Settles it. Resolves when the group has stored that everything up to it is settled; at once when records before it are not: a commit says
   * "everything before", so theirs will carry it.
   * @throws {GatewayError} BROKER_UNAVAILABLE: it may be delivered again.
   */
  done(): Promise<void>
  /** Not settled after all: delivers it anew after `delayMs`, unless its partition is lost. */
  again(delayMs: number): void
}

export interface GroupConsumer {
  pause(): void
  resume(): void
  /** Delivers nothing more; leaves the group as soon as nothing is held. */
  stop(): void
  /** Commits what is settled and leaves at once; what is held is lost. Idempotent. */
  close(): Promise<void>
  /** Resolves when it has left the group. */
  readonly left: Promise<void>
}

export interface GroupConsumerOptions {
  readonly clients: Clients
  readonly link: Link
  readonly log: BrokerLog
  readonly group: string
  readonly topics: readonly string[]
  /** Records held at most, in all and of one partition. */
  readonly maxHeld: number
  readonly maxHeldPerPartition: number
  /** How long a settlement waits for its commit. */
  readonly commitTimeoutMs: number
  /** Must not throw. */
  onRecord(held: HeldRecord): void
}

/**
 * How far a partition runs past its oldest unsettled record, in multiples of what may be held: what is settled behind a slow record is not
 * committed yet and would be repeated after a crash.
 */
const aheadFactor = 4
const errorPauseMs = 250
/** At the end, for what is settled to be committed. */
const lastCommitMs = 2000

/** A member of a consumer group that hands records over one by one and commits only what was settled. */
export function groupConsumer(options: GroupConsumerOptions): GroupConsumer {
  const { clients, link, log, maxHeld, maxHeldPerPartition } = options
  const partitions = new Map<string, GroupPartition>()
  const maxSpan = Math.max(64, maxHeldPerPartition * aheadFactor)
  let held = 0
  let state: 'running' | 'paused' | 'stopped' | 'closed' = 'running'
  let turn = 0
  let retryTimer: NodeJS.Timeout | undefined
  const { promise: left, resolve: hasLeft } = Promise.withResolvers<void>()

  const isEnding = (): boolean => state === 'stopped' || state === 'closed'
  const records = feed({
    clients,
    link,
    topics: options.topics,
    partitions: () => partitions.values(),
    isWanted: () => !isEnding(),
    onRecords: () => deliver(),
  })
  const group = membership({
    clients,
    link,
    log,
    group: options.group,
    topics: options.topics,
    onRebalance(member) {
      offsets.commit(member)
      keepOnly(assigned(member))
    },
    onJoin(member) {
      keepOnly(assigned(member))
      offsets.commit(member)
      void begin(member)
    },
    onLost: () => keepOnly(new Map()),
  })
  const offsets = commits({
    timeoutMs: options.commitTimeoutMs,
    partitions: () => partitions.values(),
    member: () => group.member,
    onIdle: () => leaveWhenIdle(),
    onFailed(error) {
      link.failed(error)
      // A partition is gone: as long as it is assigned, no commit with it in it goes through.
      if (isProtocolError(clients.library, error, 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID')) group.renew(error)
    },
  })

  const keepOnly = (kept: ReadonlyMap<string, unknown>): void => {
    for (const [key, partition] of partitions) if (!kept.has(key)) drop(key, partition)
  }
  const drop = (key: string, partition: GroupPartition): void => {
    partitions.delete(key)
    held -= partition.held
    lose(partition)
    leaveWhenIdle()
  }
  /** Reads in the new partitions from where the group stands. */
  const begin = async (member: Consumer): Promise<void> => {
    try {
      const starts = await startsOf(clients, member)
      if (isEnding() || group.member !== member) return
      const still = assigned(member)
      for (const { key, topic, partition, start, committed } of starts) {
        if (!still.has(key)) continue
        const known = partitions.get(key)
        // Someone else has had it meanwhile and has gone further.
        if (known !== undefined && committed > known.tracker.committable) drop(key, known)
        if (!partitions.has(key)) partitions.set(key, groupPartition(topic, partition, start))
      }
      records.wake()
      deliver()
    } catch (error) {
      link.failed(error)
      retryTimer = setTimeout(() => {
        if (group.member === member) void begin(member)
      }, errorPauseMs)
    }
  }

  /** In turns, so that no partition waits for the end of another. */
  const deliver = (): void => {
    const list = [...partitions.values()]
    for (let idle = 0; idle < list.length && state === 'running' && held < maxHeld; ) {
      turn = (turn + 1) % list.length
      const partition = list[turn]
      idle = partition !== undefined && deliverOne(partition) ? 0 : idle + 1
    }
  }
  const deliverOne = (partition: GroupPartition): boolean => {
    if (partition.held >= maxHeldPerPartition || partition.tracker.span >= maxSpan) return false
    const record = takeFirst(partition)
    if (record === undefined) return false
    partition.tracker.delivered(record.offset)
    handOver(partition, record)
    return true
  }
  const handOver = (partition: GroupPartition, record: RawRecord): void => {
    const lost = partition.lost.signal
    partition.held += 1
    held += 1
    const release = (): void => {
      if (lost.aborted) return
      partition.held -= 1
      held -= 1
    }
    options.onRecord({
      record,
      lost,
      async done() {
        if (lost.aborted) throw new GatewayError('BROKER_UNAVAILABLE', { detail: 'The message was given to another member of the group.' })
        partition.tracker.settled(record.offset)
        try {
          // Held until it is stored: what a crash repeats is bounded by what may be held.
          if (partition.tracker.committable > record.offset) await offsets.stored(partition, record.offset)
        } finally {
          release()
          deliver()
          records.wake()
          leaveWhenIdle()
        }
      },
      again(delayMs) {
        release()
        leaveWhenIdle()
        setTimeout(() => {
          // Taken up where it stood: it is still the delivered, unsettled record that it was.
          if (!lost.aborted && !isEnding()) handOver(partition, record)
        }, delayMs)
      },
    })
  }

  const leaveWhenIdle = (): void => {
    if (state === 'stopped' && held === 0 && offsets.isIdle) void close()
  }
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= end())
  const end = async (): Promise<void> => {
    state = 'closed'
    clearTimeout(retryTimer)
    if (group.member !== undefined) await offsets.flush(group.member, Math.min(options.commitTimeoutMs, lastCommitMs))
    offsets.close()
    keepOnly(new Map())
    await Promise.all([group.leave(), records.close()])
    hasLeft()
  }
  return {
    pause() {
      if (state === 'running') state = 'paused'
    },
    resume() {
      if (state !== 'paused') return
      state = 'running'
      deliver()
      records.wake()
    },
    stop() {
      if (isEnding()) return
      state = 'stopped'
      for (const partition of partitions.values()) empty(partition)
      leaveWhenIdle()
    },
    close,
    left,
  }
}

interface Place {
  readonly key: string
  readonly topic: string
  readonly partition: number
}

function assigned(member: Consumer): Map<string, Place> {
  const places = (member.assignments ?? []).flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ key: `${topic}:${partition}`, topic, partition })),
  )
  return new Map(places.map((place) => [place.key, place]))
}

/** Where the member begins in each of its partitions: what the group has committed (-1: nothing yet), otherwise the first record there is. */
async function startsOf(clients: Clients, member: Consumer): Promise<(Place & { readonly start: bigint; readonly committed: bigint })[]> {
  const places = [...assigned(member).values()]
  if (places.length === 0) return []
  const topics = Map.groupBy(places, (place) => place.topic)
  const stored = await member.listCommittedOffsets({
    topics: [...topics].map(([topic, all]) => ({ topic, partitions: all.map((place) => place.partition) })),
  })
  const first = await member.listOffsets({ topics: [...topics.keys()], timestamp: clients.library.ListOffsetTimestamps.EARLIEST })
  return places.map((place) => {
    const committed = stored.get(place.topic)?.[place.partition] ?? -1n
    return { ...place, committed, start: committed >= 0n ? committed : (first.get(place.topic)?.[place.partition] ?? 0n) }
  })
}
