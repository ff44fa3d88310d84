import type { BrokerStatus, QueueStats } from './broker.ts'
import type { DeadLetterReason, Outcome } from './settlement.ts'

/** The messaging series of one process; label values are bounded by the configuration. Whoever counts asks for his series once. */
export interface MessagingMetrics {
  consumer(consumer: string, queue: string): ConsumerSeries
  /** Replaces the earlier source; asked at scrape time. */
  brokers(source: () => Iterable<BrokerStatus>): void
  /** Replaces the earlier source; asked at scrape time: sampled every few seconds by the owner, not at the scrape. */
  queues(source: () => Iterable<QueueStats>): void
  /** Drops the series of consumers that are gone. */
  retain(consumers: ReadonlySet<string>): void
}

export interface ConsumerSeries {
  /** `headgate_messages_in_flight{consumer, queue}` */
  inFlight(delta: 1 | -1): void
  /** `headgate_deliveries_total{consumer, queue, outcome}` and `headgate_delivery_seconds{consumer, queue}` */
  settled(outcome: Outcome, seconds: number): void
  /** The same with `outcome="unsettled"`: the broker could not be told, and will deliver the message again. */
  unsettled(): void
  /** `headgate_dead_letters_total{consumer, queue, reason}`; `discarded` where the queue keeps none. */
  parked(reason: DeadLetterReason | 'discarded'): void
  /** `headgate_delivery_retries_total{consumer, queue}`: attempts after the first within one delivery. */
  retried(): void
  /** `headgate_redeliveries_total{consumer, queue}`: deliveries after the first of a message. */
  redelivered(): void
}
