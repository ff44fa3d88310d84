import type { Consumer } from '@platformatic/kafka'
import { GatewayError } from '../../errors.ts'
import type { CommitWaiter, GroupPartition } from './group-partition.ts'

/** Stores in the group what is settled; one request at a time, for all partitions together. */
export interface Commits {
  /**
   * Resolves when the group has stored that everything up to `offset` is settled, which it must be.
   * @throws {GatewayError} BROKER_UNAVAILABLE: it may be delivered again.
   */
  stored(partition: GroupPartition, offset: bigint): Promise<void>
  /** Commits what is due, in this very call; nothing while another commit is under way. */
  commit(member: Consumer): void
  /** Ends when nothing is due any more, or after `waitMs`. */
  flush(member: Consumer, waitMs: number): Promise<void>
  /** Nothing is due and no commit is under way. */
  readonly isIdle: boolean
  close(): void
}

export interface CommitsOptions {
  /** How long a settlement waits for its commit. */
  readonly timeoutMs: number
  partitions(): Iterable<GroupPartition>
  /** Undefined while there must be no commit: one that meets a rebalance makes the client join once more. */
  member(): Consumer | undefined
  onIdle(): void
  onFailed(error: unknown): void
}

interface Part {
  readonly partition: GroupPartition
  readonly offset: bigint
  /** Settlements that this commit answers. */
  readonly waiters: readonly CommitWaiter[]
}

const errorPauseMs = 250

export function commits(options: CommitsOptions): Commits {
  let isBusy = false
  let timer: NodeJS.Timeout | undefined

  const due = (): GroupPartition[] => [...options.partitions()].filter((partition) => partition.tracker.committable > partition.committed)
  const soon = (ms: number): void => {
    // With what else is settled in this turn of the event loop.
    timer ??= setTimeout(() => {
      timer = undefined
      const member = options.member()
      if (member !== undefined) commit(member)
    }, ms)
  }
  const commit = (member: Consumer): void => {
    if (isBusy) return
    const parts = due().map((partition) => ({ partition, offset: partition.tracker.committable, waiters: takeWaiters(partition) }))
    if (parts.length > 0) void send(member, parts)
  }
  const send = async (member: Consumer, parts: readonly Part[]): Promise<void> => {
    isBusy = true
    const offsets = parts.map(({ partition, offset }) => ({ topic: partition.topic, partition: partition.partition, offset, leaderEpoch: -1 }))
    try {
      await member.commit({ offsets })
      for (const { partition, offset, waiters } of parts) {
        partition.committed = offset
        for (const waiter of waiters) waiter.resolve()
      }
    } catch (error) {
      options.onFailed(error)
      for (const { partition, waiters } of parts) {
        if (partition.lost.signal.aborted) for (const waiter of waiters) waiter.reject(new GatewayError('BROKER_UNAVAILABLE'))
        else partition.waiters.push(...waiters)
      }
    }
    isBusy = false
    const isBehind = parts.some(({ partition, offset }) => partition.committed < offset)
    if (due().length > 0) soon(isBehind ? errorPauseMs : 0)
    else options.onIdle()
  }
  const takeWaiters = (partition: GroupPartition): CommitWaiter[] => {
    const covered = partition.waiters.filter((waiter) => waiter.offset < partition.tracker.committable)
    partition.waiters = partition.waiters.filter((waiter) => waiter.offset >= partition.tracker.committable)
    return covered
  }
  return {
    async stored(partition, offset) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiter = { offset, resolve, reject }
      partition.waiters.push(waiter)
      soon(0)
      const limit = setTimeout(() => reject(new GatewayError('BROKER_UNAVAILABLE')), options.timeoutMs)
      try {
        await promise
      } finally {
        clearTimeout(limit)
        // Nobody waits for it any more: while there is no commit they would pile up.
        partition.waiters = partition.waiters.filter((other) => other !== waiter)
      }
    },
    commit,
    async flush(member, waitMs) {
      const end = performance.now() + waitMs
      while (performance.now() < end && (isBusy || due().length > 0)) {
        commit(member)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
    get isIdle() {
      return !isBusy && due().length === 0
    },
    close: () => clearTimeout(timer),
  }
}
