import { GatewayError } from '../../errors.ts'
import type { SubscribeOptions, Subscription } from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Message } from '../message.ts'
import type { Settlement } from '../settlement.ts'
import type { Connection } from './connection.ts'
import type { DeliveryRow, MessageRow } from './operations.ts'

/** The subscriptions of a broker and the deliveries they hold, on the side of the event loop. */
export interface Subscriptions {
  subscribe(options: SubscribeOptions, onDelivery: (delivery: Delivery) => void): Subscription
  /** Deliveries that the thread has claimed. */
  receive(subscription: number, rows: readonly DeliveryRow[]): void
  /** The thread is new: it knows nobody. */
  reopened(): void
  /** The thread has gone, the deliveries with it. */
  lost(): void
  /** The broker closes: what still comes from the thread goes back with everything else. */
  close(): void
  /** Now and then: tries again what could not be told or stored. */
  maintain(): void
}

interface Subscriber {
  readonly id: number
  readonly options: SubscribeOptions
  readonly onDelivery: (delivery: Delivery) => void
  paused: boolean
  stopped: boolean
  /** The thread has not taken note of the last change. */
  untold: boolean
}

export const messageOf = (row: Omit<MessageRow, 'headers'>, headers: Readonly<Record<string, string>>): Message => ({
  id: row.id,
  body: Buffer.from(row.body.buffer, row.body.byteOffset, row.body.byteLength),
  contentType: row.contentType ?? undefined,
  headers,
  key: row.key ?? undefined,
  publishedAtMs: row.publishedAtMs,
})

export function subscriptions(connection: Pick<Connection, 'call'>): Subscriptions {
  const subscribers = new Map<number, Subscriber>()
  const held = new Map<number, () => void>()
  const returns = new Map<number, { readonly seq: number; readonly seen: boolean }>()
  let nextId = 1
  let returning = false
  let closed = false

  const returnAll = async (): Promise<void> => {
    if (returning) return
    returning = true
    try {
      while (returns.size > 0) {
        const batch = [...returns.values()]
        await connection.call('giveBack', batch)
        // One that came again meanwhile, and goes back once more, is not done.
        for (const each of batch) if (returns.get(each.seq) === each) returns.delete(each.seq)
      }
    } catch {
      // Tried again by `maintain`; a thread that has died has given them back.
    } finally {
      returning = false
    }
  }
  const giveBack = (seq: number, seen: boolean): void => {
    returns.set(seq, { seq, seen })
    void returnAll()
  }

  const deliver = (row: DeliveryRow, queue: string): Delivery => {
    let settled = false
    let lost = false
    let controller: AbortController | undefined
    const lose = (): void => {
      lost = true
      controller?.abort()
    }
    held.set(row.seq, lose)
    const settle = async (settlement: Settlement): Promise<void> => {
      if (settled) throw new GatewayError('INTERNAL', { detail: 'a delivery was settled twice' })
      settled = true
      if (lost) throw new GatewayError('BROKER_UNAVAILABLE')
      try {
        if (await connection.call('settle', { seq: row.seq, settlement })) return
      } catch (cause) {
        // A thread that has died gave back everything, and its successor may have delivered the same message anew.
        if (!lost) giveBack(row.seq, true)
        throw new GatewayError('BROKER_UNAVAILABLE', { cause })
      } finally {
        if (held.get(row.seq) === lose) held.delete(row.seq)
      }
      throw new GatewayError('BROKER_UNAVAILABLE')
    }
    return {
      message: messageOf(row, JSON.parse(row.headers) as Record<string, string>),
      queue,
      history: {
        deliveries: row.deliveries,
        failures: row.failures,
        attempts: row.attempts,
        firstFailedAtMs: row.firstFailedAtMs ?? undefined,
      },
      get lost() {
        if (controller === undefined) {
          controller = new AbortController()
          if (lost) controller.abort()
        }
        return controller.signal
      },
      settle,
    }
  }

  const tell = async (subscriber: Subscriber): Promise<void> => {
    const { id, options, paused, stopped } = subscriber
    subscriber.untold = false
    try {
      if (stopped) await connection.call('unsubscribe', id)
      else {
        const { queue, prefetch, exclusive, consumer } = options
        const told = connection.call('subscribe', { subscription: id, queue, prefetch, exclusive, consumer, paused })
        await Promise.all([told, connection.call('flow', { subscription: id, paused })])
      }
    } catch {
      subscriber.untold = true
    }
  }

  return {
    subscribe: (options, onDelivery) => {
      const subscriber: Subscriber = { id: nextId, options, onDelivery, paused: false, stopped: false, untold: false }
      nextId += 1
      subscribers.set(subscriber.id, subscriber)
      void tell(subscriber)
      const pause = (paused: boolean): void => {
        if (subscriber.paused === paused || subscriber.stopped) return
        subscriber.paused = paused
        void tell(subscriber)
      }
      let stopping: Promise<void> | undefined
      const stop = async (): Promise<void> => {
        subscriber.stopped = true
        await tell(subscriber)
        await returnAll()
        if (!subscriber.untold) subscribers.delete(subscriber.id)
      }
      return { pause: () => pause(true), resume: () => pause(false), stop: () => (stopping ??= stop()) }
    },
    receive: (id, rows) => {
      if (closed) return
      const subscriber = subscribers.get(id)
      for (const row of rows) {
        if (subscriber === undefined || subscriber.stopped || subscriber.paused) giveBack(row.seq, false)
        else subscriber.onDelivery(deliver(row, subscriber.options.queue))
      }
    },
    reopened: () => {
      for (const [id, subscriber] of subscribers) {
        if (subscriber.stopped) subscribers.delete(id)
        else void tell(subscriber)
      }
    },
    lost: () => {
      returns.clear()
      const deliveries = [...held.values()]
      held.clear()
      for (const lose of deliveries) lose()
    },
    close: () => {
      closed = true
    },
    maintain: () => {
      void returnAll()
      for (const subscriber of subscribers.values()) if (subscriber.untold) void tell(subscriber)
    },
  }
}
