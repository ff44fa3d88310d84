import type { DatabaseSync } from 'node:sqlite'
import type { Settlement } from '../settlement.ts'
import type { Departures } from './departures.ts'
import { leases } from './leases.ts'
import type { Messages } from './messages.ts'
import type { BrokerEvent, DeliveryRow, SubscriptionSettings } from './operations.ts'
import type { Queue, Queues } from './queues.ts'
import { sharing } from './sharing.ts'

/** Most messages that one subscription claims in one transaction: others must not wait for it. */
const maxClaims = 500
/** Bodies from this size on are handed over one by one; copying smaller ones with the rest of an event is cheaper. */
const transferFromBytes = 4096
/** The subscriptions of this process, and what they hold. Memory changes with the file and is put back when a transaction is undone. */
export interface Claims {
  subscribe(settings: SubscriptionSettings): void
  pause(subscription: number, paused: boolean): void
  unsubscribe(subscription: number): void
  settle(seq: number, settlement: Settlement): boolean
  giveBack(returns: readonly { readonly seq: number; readonly seen: boolean }[]): void
  /** Within a transaction: claims what there is for every subscription that has room. */
  claim(): void
  /** Outside of transactions: whether `claim` would find something. */
  wanted(): boolean
  committed(): void
  /** The whole transaction was undone. */
  undone(): void
}

export interface ClaimsDeps {
  readonly database: DatabaseSync
  readonly queues: Queues
  readonly messages: Messages
  readonly departures: Departures
  readonly owner: number
  now(): number
  emit(event: BrokerEvent, transfer?: readonly ArrayBuffer[]): void
  /** There is something to do after so many milliseconds: a delay ends, or there is more to claim. */
  again(inMs: number): void
}

interface Subscription {
  readonly settings: SubscriptionSettings
  paused: boolean
  stopped: boolean
  held: number
}

const takes = ({ paused, stopped }: Subscription): boolean => !paused && !stopped
const isOver = ({ stopped, held }: Subscription): boolean => stopped && held === 0
const room = (subscription: Subscription): number => (takes(subscription) ? subscription.settings.prefetch - subscription.held : 0)

export function claims({ database, queues, messages, departures, owner, now, emit, again }: ClaimsDeps): Claims {
  const subscriptions = new Map<number, Subscription>()
  const held = new Map<number, Subscription>()
  const lease = leases(database, owner)
  const shared = sharing(database, owner)
  // Undone in reverse order when the transaction is; emptied when it is committed.
  let journal: (() => void)[] = []
  let first = 0

  const hold = (seq: number, subscription: Subscription): void => {
    held.set(seq, subscription)
    subscription.held += 1
  }
  const letGo = (seq: number, subscription: Subscription): void => {
    held.delete(seq)
    subscription.held -= 1
  }
  const finish = (seq: number, subscription: Subscription): void => {
    letGo(seq, subscription)
    journal.push(() => hold(seq, subscription))
  }
  const queueOf = ({ settings }: Subscription): Queue | undefined => queues.named(settings.queue)

  /** Whether each queue is served here, over all subscriptions to it. Exclusive ones have nobody to share with. */
  const served = (): ReadonlyMap<number, boolean> => {
    const found = new Map<number, boolean>()
    for (const subscription of subscriptions.values()) {
      const queue = queueOf(subscription)
      if (queue === undefined || subscription.settings.exclusive) continue
      found.set(queue.id, takes(subscription) || found.get(queue.id) === true)
    }
    return found
  }
  const removeEnded = (): void => {
    for (const [id, subscription] of subscriptions) {
      if (!isOver(subscription)) continue
      subscriptions.delete(id)
      journal.push(() => subscriptions.set(id, subscription))
      const queue = queues.idOf(subscription.settings.queue)
      if (subscription.settings.exclusive && queue !== undefined) lease.end(queue, id)
    }
  }

  /** How many of the ready messages this subscription may have now: as many as it has room for, but of a short queue only a part. */
  const quota = (queue: Queue, subscription: Subscription): number => {
    const limit = Math.min(room(subscription), maxClaims)
    const takers = subscription.settings.exclusive ? 1 : shared.takers(queue.id)
    if (takers === 1) return limit
    const ready = messages.countReady(queue.id, limit)
    // What is left now and not taken by others is shared out again by the next transaction, or the next tick.
    return ready === limit ? limit : Math.ceil(ready / takers)
  }
  const claimFor = (queue: Queue, subscription: Subscription): void => {
    const limit = quota(queue, subscription)
    const rows: DeliveryRow[] = []
    const transfer: ArrayBuffer[] = []
    let seen = 0
    for (const head of messages.heads(queue.id, limit)) {
      seen += 1
      if (departures.sort(queue, head)) continue
      const { enqueuedAtMs: _enqueuedAtMs, interruptions: _interruptions, ...row } = head
      messages.claim(head.seq, owner)
      hold(head.seq, subscription)
      journal.push(() => letGo(head.seq, subscription))
      rows.push({ ...row, deliveries: head.deliveries + 1 })
      if (head.body.length >= transferFromBytes && head.body.buffer instanceof ArrayBuffer) transfer.push(head.body.buffer)
    }
    if (rows.length > 0) emit({ type: 'deliveries', subscription: subscription.settings.subscription, rows }, transfer)
    departures.report(queue)
    if (limit === maxClaims || rows.length < seen) again(0)
  }

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
      again(0)
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
        const queue = queueOf(subscription)
        if (queue === undefined) messages.park(seq, settlement, now())
        else departures.leave(queue, seq, settlement)
      } else {
        const delayMs = messages.settle(seq, settlement, now())
        if (delayMs !== undefined) again(delayMs)
      }
      finish(seq, subscription)
      return true
    },
    giveBack: (returns) => {
      for (const { seq, seen } of returns) if (held.has(seq)) messages.giveBack(seq, seen)
      // Memory comes last: an operation that fails half-way is undone in the file alone.
      for (const { seq } of returns) {
        const subscription = held.get(seq)
        if (subscription !== undefined) finish(seq, subscription)
      }
    },
    claim: () => {
      for (const [queue, isServed] of served()) shared.enter(queue, isServed)
      removeEnded()
      const all = [...subscriptions.values()]
      first += 1
      for (let index = 0; index < all.length; index += 1) {
        // Whoever came first in the last transaction comes last in this one: two subscriptions of a queue share it.
        const subscription = all[(first + index) % all.length]
        if (subscription === undefined || room(subscription) <= 0) continue
        const queue = queueOf(subscription)
        const { exclusive, consumer, subscription: id } = subscription.settings
        if (queue !== undefined && (!exclusive || lease.take(queue.id, id, consumer))) claimFor(queue, subscription)
      }
    },
    wanted: () => {
      for (const [queue, isServed] of served()) if (shared.isUnsaid(queue, isServed)) return true
      for (const subscription of subscriptions.values()) {
        if (isOver(subscription)) return true
        const queue = queueOf(subscription)
        if (queue === undefined) continue
        const { exclusive, subscription: id } = subscription.settings
        if (room(subscription) > 0 && messages.isWaiting(queue.id) && (!exclusive || lease.isOpenTo(queue.id, id))) return true
      }
      return false
    },
    committed: () => {
      journal = []
    },
    undone: () => {
      for (const undo of journal.reverse()) undo()
      journal = []
      shared.undone()
    },
  }
}
