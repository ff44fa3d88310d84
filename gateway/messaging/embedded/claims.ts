import type { DatabaseSync } from 'node:sqlite'
import { maxInterruptions } from '../settlement.ts'
import type { DeadLetterReason, FailureNote, Settlement } from '../settlement.ts'
import type { Head, Messages } from './messages.ts'
import type { BrokerEvent, DeliveryRow, SubscriptionSettings } from './operations.ts'
import type { Queue, Queues } from './queues.ts'

/** Most messages that one subscription claims in one transaction: others must not wait for it. */
const maxClaims = 500
/** Bodies up to this size are cheaper to copy with the rest of an event than to hand over one by one. */
const transferFromBytes = 4096

/** The subscriptions of this process, and what they hold. Memory changes with the file and is put back when a transaction is undone. */
export interface Claims {
  subscribe(settings: SubscriptionSettings): void
  pause(subscription: number, paused: boolean): void
  unsubscribe(subscription: number): void
  settle(seq: number, settlement: Settlement): boolean
  giveBack(seq: number, seen: boolean): void
  /** Within a transaction: claims what there is for every subscription that has room. */
  claim(): void
  /** Outside of transactions: whether `claim` would find something. */
  wanted(): boolean
  /** Within a transaction: expired messages at the head of a queue leave it, at most so many. @returns Whether there may be more. */
  expire(queue: Queue): boolean
  hasExpired(queue: Queue): boolean
  committed(): void
  /** The whole transaction was undone. */
  undone(): void
}

export interface ClaimsDeps {
  readonly database: DatabaseSync
  readonly queues: Queues
  readonly messages: Messages
  readonly owner: number
  now(): number
  emit(event: BrokerEvent, transfer?: readonly ArrayBuffer[]): void
  /** A message comes back after so many milliseconds; 0: there is more to claim. */
  again(inMs: number): void
}

interface Subscription {
  readonly settings: SubscriptionSettings
  paused: boolean
  stopped: boolean
  held: number
}

const expiredNote: FailureNote = { type: 'expired', message: 'older than the ttl of its queue' }
const interruptedNote: FailureNote = {
  type: 'interrupted',
  message: `${maxInterruptions + 1} deliveries ended without a settlement: the gateway stopped or lost its broker in the middle of each`,
}

export function claims({ database, queues, messages, owner, now, emit, again }: ClaimsDeps): Claims {
  const subscriptions = new Map<number, Subscription>()
  const held = new Map<number, Subscription>()
  // Undone in reverse order when the transaction is; emptied when it is committed.
  let journal: (() => void)[] = []
  let first = 0

  const leaseOf = database.prepare('SELECT owner, subscription FROM leases WHERE queue = ?')
  const takeLease = database.prepare('INSERT INTO leases (queue, owner, subscription, consumer) VALUES (?, ?, ?, ?)')
  const endLease = database.prepare('DELETE FROM leases WHERE queue = ? AND owner = ? AND subscription = ?')

  const hold = (seq: number, subscription: Subscription): void => {
    held.set(seq, subscription)
    subscription.held += 1
  }
  const letGo = (seq: number, subscription: Subscription): void => {
    held.delete(seq)
    subscription.held -= 1
  }
  const finish = (seq: number): void => {
    const subscription = held.get(seq)
    if (subscription === undefined) return
    letGo(seq, subscription)
    journal.push(() => hold(seq, subscription))
  }

  const holdsLease = (queue: Queue, { subscription }: SubscriptionSettings): boolean => {
    const lease = leaseOf.get(queue.id)
    return lease !== undefined && Number(lease['owner']) === owner && Number(lease['subscription']) === subscription
  }
  const mayClaim = (queue: Queue, { settings }: Subscription): boolean => {
    if (!settings.exclusive || holdsLease(queue, settings)) return true
    if (leaseOf.get(queue.id) !== undefined) return false
    takeLease.run(queue.id, owner, settings.subscription, settings.consumer)
    return true
  }
  /** Of subscriptions that are over and hold nothing. */
  const endLeases = (): void => {
    for (const [id, subscription] of subscriptions) {
      const { settings, stopped, held: count } = subscription
      if (!stopped || count > 0) continue
      subscriptions.delete(id)
      journal.push(() => subscriptions.set(id, subscription))
      const queue = queues.idOf(settings.queue)
      if (settings.exclusive && queue !== undefined) endLease.run(queue, owner, id)
    }
  }

  const leave = (queue: Queue, seq: number, reason: DeadLetterReason, attempts: number, error: FailureNote): void => {
    if (queue.deadLetter) messages.park(seq, { reason, attempts, error }, now())
    else messages.remove(seq)
  }
  const report = (queue: Queue, reason: DeadLetterReason, count: number): void => {
    if (count > 0) emit({ type: 'parked', queue: queue.name, reason, count, kept: queue.deadLetter })
  }
  const isExpired = (queue: Queue, head: Head): boolean => head.enqueuedAtMs + queue.ttlMs <= now()

  const claimFor = (queue: Queue, subscription: Subscription): void => {
    const limit = Math.min(subscription.settings.prefetch - subscription.held, maxClaims)
    const rows: DeliveryRow[] = []
    const transfer: ArrayBuffer[] = []
    let seen = 0
    let expired = 0
    let interrupted = 0
    for (const head of messages.heads(queue.id, limit)) {
      seen += 1
      if (isExpired(queue, head)) {
        leave(queue, head.seq, 'expired', 0, expiredNote)
        expired += 1
      } else if (head.interruptions > maxInterruptions) {
        leave(queue, head.seq, 'interrupted', 0, interruptedNote)
        interrupted += 1
      } else {
        const { enqueuedAtMs: _enqueuedAtMs, interruptions: _interruptions, ...row } = head
        messages.claim(head.seq, owner)
        hold(head.seq, subscription)
        journal.push(() => letGo(head.seq, subscription))
        rows.push({ ...row, deliveries: head.deliveries + 1 })
        if (head.body.length >= transferFromBytes && head.body.buffer instanceof ArrayBuffer) transfer.push(head.body.buffer)
      }
    }
    if (rows.length > 0) emit({ type: 'deliveries', subscription: subscription.settings.subscription, rows }, transfer)
    report(queue, 'expired', expired)
    report(queue, 'interrupted', interrupted)
    if (seen === limit && hasRoom(subscription)) again(0)
  }

  const hasRoom = ({ settings, paused, stopped, held: count }: Subscription): boolean => !paused && !stopped && count < settings.prefetch

  return {
    subscribe: (settings) => {
      if (subscriptions.has(settings.subscription)) return
      subscriptions.set(settings.subscription, { settings, paused: settings.paused, stopped: false, held: 0 })
      again(0)
    },
    pause: (id, paused) => {
      const subscription = subscriptions.get(id)
      if (subscription === undefined) return
      subscription.paused = paused
      if (!paused) again(0)
    },
    unsubscribe: (id) => {
      const subscription = subscriptions.get(id)
      if (subscription === undefined) return
      subscription.stopped = true
      again(0)
    },
    settle: (seq, settlement) => {
      const subscription = held.get(seq)
      if (subscription === undefined) return false
      if (settlement.outcome === 'dead_letter') {
        const queue = queues.named(subscription.settings.queue)
        if (queue === undefined) messages.park(seq, settlement, now())
        else leave(queue, seq, settlement.reason, settlement.attempts, settlement.error)
      } else {
        const delayMs = messages.settle(seq, settlement, now())
        if (delayMs !== undefined) again(delayMs)
      }
      finish(seq)
      return true
    },
    giveBack: (seq, seen) => {
      if (!held.has(seq)) return
      messages.giveBack(seq, seen)
      finish(seq)
    },
    claim: () => {
      endLeases()
      const all = [...subscriptions.values()]
      first += 1
      for (let index = 0; index < all.length; index += 1) {
        // Whoever came first in the last transaction comes last in this one: two subscriptions of a queue share it.
        const subscription = all[(first + index) % all.length]
        if (subscription === undefined || !hasRoom(subscription)) continue
        const queue = queues.named(subscription.settings.queue)
        if (queue !== undefined && mayClaim(queue, subscription)) claimFor(queue, subscription)
      }
    },
    wanted: () => {
      for (const subscription of subscriptions.values()) {
        if (subscription.stopped && subscription.held === 0) return true
        if (!hasRoom(subscription)) continue
        const queue = queues.named(subscription.settings.queue)
        if (queue === undefined || !messages.isWaiting(queue.id)) continue
        if (!subscription.settings.exclusive || leaseOf.get(queue.id) === undefined || holdsLease(queue, subscription.settings)) return true
      }
      return false
    },
    expire: (queue) => {
      let count = 0
      for (const head of messages.heads(queue.id, maxClaims)) {
        if (!isExpired(queue, head)) break
        leave(queue, head.seq, 'expired', 0, expiredNote)
        count += 1
      }
      report(queue, 'expired', count)
      return count === maxClaims
    },
    hasExpired: (queue) => {
      for (const head of messages.heads(queue.id, 1)) return isExpired(queue, head)
      return false
    },
    committed: () => {
      journal = []
    },
    undone: () => {
      for (const undo of journal.reverse()) undo()
      journal = []
    },
  }
}
