import type { Broker, Subscription, SubscribeOptions } from '../../gateway/messaging/broker.ts'
import type { Delivery } from '../../gateway/messaging/delivery.ts'
import type { Message } from '../../gateway/messaging/message.ts'
import type { Settlement } from '../../gateway/messaging/settlement.ts'
import { GatewayError } from '../../gateway/errors.ts'

/** A message in the queue of a {@link MemoryBroker}. */
interface Stored {
  readonly message: Message
  deliveries: number
  failures: number
  attempts: number
  firstFailedAtMs: number | undefined
}

export interface SettledDelivery {
  readonly id: string
  readonly settlement: Settlement
}

/** One queue in memory that keeps the promises of a broker to its consumer: for tests of what a consumer decides, and of nothing else. */
export interface MemoryBroker extends Pick<Broker, 'subscribe'> {
  /** In order. */
  readonly settled: readonly SettledDelivery[]
  readonly deadLetters: readonly (SettledDelivery & { readonly deliveries: number; readonly attempts: number })[]
  /** Messages that wait for a delivery or for its settlement. */
  readonly depth: number
  /** Deliveries handed over and not settled, and the most there ever were. */
  readonly unsettled: number
  readonly mostUnsettled: number
  readonly subscriptions: readonly SubscribeOptions[]
  put(message: Partial<Message> & { readonly id: string }, history?: { readonly deliveries?: number; readonly failures?: number }): void
  /** Takes every delivery back, as when the connection is lost; they are delivered again. */
  lose(): void
  /** While false, no settlement is taken. */
  available: boolean
}

interface Subscriber {
  readonly options: SubscribeOptions
  readonly onDelivery: (delivery: Delivery) => void
  readonly held: Map<AbortController, Stored>
  taking: boolean
}

export const message = (facts: Partial<Message> & { readonly id: string }): Message => ({
  body: Buffer.from(`{"id":"${facts.id}"}`),
  contentType: 'application/json',
  headers: {},
  key: undefined,
  publishedAtMs: 1_700_000_000_000,
  ...facts,
})

export function memoryBroker(): MemoryBroker {
  const ready: Stored[] = []
  const settled: SettledDelivery[] = []
  const deadLetters: MemoryBroker['deadLetters'][number][] = []
  const subscribers = new Set<Subscriber>()
  const subscriptions: SubscribeOptions[] = []
  let delayed = 0
  let mostUnsettled = 0

  const unsettled = (): number => [...subscribers].reduce((sum, { held }) => sum + held.size, 0)

  const pump = (): void => {
    for (const subscriber of subscribers) {
      while (subscriber.taking && subscriber.held.size < subscriber.options.prefetch) {
        const next = ready.shift()
        if (next === undefined) return
        deliver(subscriber, next)
      }
    }
  }

  const again = (stored: Stored, delayMs: number, first: boolean): void => {
    const back = (): void => {
      if (first) ready.unshift(stored)
      else ready.push(stored)
      pump()
    }
    if (delayMs <= 0) {
      queueMicrotask(back)
      return
    }
    delayed += 1
    setTimeout(() => {
      delayed -= 1
      back()
    }, delayMs)
  }

  const deliver = (subscriber: Subscriber, stored: Stored): void => {
    const lost = new AbortController()
    stored.deliveries += 1
    subscriber.held.set(lost, stored)
    mostUnsettled = Math.max(mostUnsettled, unsettled())
    const { deliveries, failures, attempts, firstFailedAtMs } = stored
    subscriber.onDelivery({
      message: stored.message,
      queue: subscriber.options.queue,
      history: { deliveries, failures, attempts, firstFailedAtMs },
      lost: lost.signal,
      settle: async (settlement) => {
        await Promise.resolve()
        if (!broker.available || lost.signal.aborted) throw new GatewayError('BROKER_UNAVAILABLE')
        if (!subscriber.held.delete(lost)) throw new Error('settled twice')
        settled.push({ id: stored.message.id, settlement })
        keep(stored, settlement)
        pump()
      },
    })
  }

  const keep = (stored: Stored, settlement: Settlement): void => {
    if ('attempts' in settlement) stored.attempts += settlement.attempts
    if (settlement.outcome === 'dead_letter') {
      deadLetters.push({ id: stored.message.id, settlement, deliveries: stored.deliveries, attempts: stored.attempts })
    } else if (settlement.outcome === 'retry') {
      stored.failures += 1
      stored.firstFailedAtMs ??= Date.now()
      again(stored, settlement.delayMs, false)
    } else if (settlement.outcome === 'release') {
      stored.deliveries -= 1
      again(stored, settlement.delayMs, true)
    }
  }

  const broker: MemoryBroker = {
    available: true,
    settled,
    deadLetters,
    subscriptions,
    get depth() {
      return ready.length + delayed + unsettled()
    },
    get unsettled() {
      return unsettled()
    },
    get mostUnsettled() {
      return mostUnsettled
    },
    put: (facts, history = {}) => {
      ready.push({
        message: message(facts),
        deliveries: history.deliveries ?? 0,
        failures: history.failures ?? 0,
        attempts: 0,
        firstFailedAtMs: undefined,
      })
      pump()
    },
    lose: () => {
      for (const { held } of subscribers) {
        const taken = [...held]
        held.clear()
        ready.unshift(...taken.map(([, stored]) => stored))
        for (const [lost] of taken) lost.abort()
      }
      pump()
    },
    subscribe: (options, onDelivery): Subscription => {
      const subscriber: Subscriber = { options, onDelivery, held: new Map(), taking: true }
      subscribers.add(subscriber)
      subscriptions.push(options)
      queueMicrotask(pump)
      return {
        pause: () => void (subscriber.taking = false),
        resume: () => {
          subscriber.taking = true
          pump()
        },
        stop: async () => {
          subscriber.taking = false
          await Promise.resolve()
        },
      }
    },
  }
  return broker
}
