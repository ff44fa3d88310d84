import { maxInterruptions } from '../settlement.ts'
import type { DeadLetterReason, FailureNote } from '../settlement.ts'
import type { Head, Messages } from './messages.ts'
import type { BrokerEvent } from './operations.ts'
import type { Queue } from './queues.ts'

/** Messages that leave their queue without being handled; every call that changes something stands within a transaction. */
export interface Departures {
  /** Parked, or discarded where the queue keeps no dead letters. */
  leave(queue: Queue, seq: number, letter: { readonly reason: DeadLetterReason; readonly attempts: number; readonly error: FailureNote }): void
  /** Lets a message go that must not be delivered any more. @returns Whether it went. */
  sort(queue: Queue, head: Head): boolean
  /** Tells how many `sort` has let go from this queue. */
  report(queue: Queue): void
  /** Lets expired messages at the head of a queue go. @returns Whether there may be more. */
  expire(queue: Queue): boolean
  hasExpired(queue: Queue): boolean
}

const maxExpired = 1000

const expiredNote: FailureNote = { type: 'expired', message: 'older than the ttl of its queue' }
const interruptedNote: FailureNote = {
  type: 'interrupted',
  message: `${maxInterruptions + 1} deliveries ended without a settlement: the gateway stopped or lost its broker in the middle of each`,
}

export function departures(messages: Messages, now: () => number, emit: (event: BrokerEvent) => void): Departures {
  const counts = new Map<'expired' | 'interrupted', number>()

  const leave: Departures['leave'] = (queue, seq, letter) => {
    if (queue.deadLetter) messages.park(seq, letter, now())
    else messages.remove(seq)
  }
  const isExpired = (queue: Queue, head: Pick<Head, 'enqueuedAtMs'>): boolean => head.enqueuedAtMs + queue.ttlMs <= now()
  const letGo = (queue: Queue, seq: number, reason: 'expired' | 'interrupted'): void => {
    leave(queue, seq, { reason, attempts: 0, error: reason === 'expired' ? expiredNote : interruptedNote })
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const sort = (queue: Queue, head: Head): boolean => {
    const expired = isExpired(queue, head)
    if (!expired && head.interruptions <= maxInterruptions) return false
    letGo(queue, head.seq, expired ? 'expired' : 'interrupted')
    return true
  }
  const report = (queue: Queue): void => {
    for (const [reason, count] of counts) emit({ type: 'parked', queue: queue.name, reason, count, kept: queue.deadLetter })
    counts.clear()
  }

  return {
    leave,
    sort,
    report,
    expire: (queue) => {
      let count = 0
      for (const oldest of messages.oldest(queue.id, maxExpired)) {
        if (!isExpired(queue, oldest)) break
        letGo(queue, oldest.seq, 'expired')
        count += 1
      }
      report(queue)
      return count === maxExpired
    },
    hasExpired: (queue) => messages.oldest(queue.id, 1).some((oldest) => isExpired(queue, oldest)),
  }
}
