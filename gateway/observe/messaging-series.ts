import type { BrokerStatus, QueueStats } from '../messaging/broker.ts'
import type { ConsumerSeries, MessagingMetrics } from '../messaging/messaging-metrics.ts'
import type { DeadLetterReason, Outcome } from '../messaging/settlement.ts'
import { kindCounter } from './kind-counter.ts'
import type { KindCounter } from './kind-counter.ts'
import { ownedSeries } from './owned-series.ts'
import type { OwnedSeries } from './owned-series.ts'
import { secondsHistogram } from './seconds-histogram.ts'
import type { SecondsHistogram } from './seconds-histogram.ts'

/** What one consumer counts for one queue. */
export interface DeliveryCounts {
  readonly outcomes: KindCounter<Outcome | 'unsettled'>
  readonly parked: KindCounter<DeadLetterReason | 'discarded'>
  readonly seconds: SecondsHistogram
  inFlight: number
  retries: number
  redeliveries: number
}

/** All that messaging counts in one worker, before it has names and labels. */
export interface MessagingSeries {
  /** By consumer, then by queue. */
  readonly consumers: OwnedSeries<OwnedSeries<DeliveryCounts>>
  brokers: () => Iterable<BrokerStatus>
  queues: () => Iterable<QueueStats>
}

export const emptyMessagingSeries = (): MessagingSeries => ({
  consumers: ownedSeries(() =>
    ownedSeries(() => ({ outcomes: kindCounter(), parked: kindCounter(), seconds: secondsHistogram(), inFlight: 0, retries: 0, redeliveries: 0 })),
  ),
  brokers: () => [],
  queues: () => [],
})

/** How those who count see the series. */
export const messagingMetrics = (series: MessagingSeries): MessagingMetrics => {
  /** The queue that each consumer takes from at present. */
  const queueOf = new Map<string, string>()
  return {
    consumer: (consumer, queue) => {
      queueOf.set(consumer, queue)
      return consumerSeries(series.consumers.of(consumer).of(queue))
    },
    brokers: (source) => void (series.brokers = source),
    queues: (source) => void (series.queues = source),
    retain: (consumers) => {
      series.consumers.retain(consumers)
      for (const name of queueOf.keys()) if (!consumers.has(name)) queueOf.delete(name)
      for (const [name, ofQueues] of series.consumers.entries()) ofQueues.retain({ has: (queue) => queueOf.get(name) === queue })
    },
  }
}

const consumerSeries = (counts: DeliveryCounts): ConsumerSeries => ({
  inFlight: (delta) => void (counts.inFlight += delta),
  settled: (outcome, seconds) => {
    counts.outcomes.add(outcome)
    counts.seconds.observe(seconds)
  },
  unsettled: () => counts.outcomes.add('unsettled'),
  parked: counts.parked.add,
  retried: () => void (counts.retries += 1),
  redelivered: () => void (counts.redeliveries += 1),
})
