import type { BrokerStatus, QueueStats } from '../messaging/broker.ts'
import type { DeliveryCounts, MessagingSeries } from './messaging-series.ts'
import type { MetricSource, Sample } from './metric-export.ts'
import { counter, gauge } from './metric-sources.ts'

/**
 * The metrics of brokers, queues and consumers. What is a fact of the broker (depth, dead letters) is the same for every worker
 * that asks, so the largest counts; what a worker counts of its own work adds up.
 * @param now Milliseconds since the epoch.
 */
export const messagingCatalogue = (series: MessagingSeries, now: () => number): readonly MetricSource[] => [
  gauge('headgate_queue_depth', 'Messages that wait or are in flight.', 'max', () => perQueue(series, ({ depth }) => depth)),
  gauge('headgate_queue_oldest_seconds', 'Age of the oldest message; 0 when there is none.', 'max', () =>
    perQueue(series, ({ depth, oldestAtMs }) => (oldestAtMs === undefined ? (depth === 0 ? 0 : undefined) : Math.max(0, now() - oldestAtMs) / 1000)),
  ),
  gauge('headgate_queue_dead_letters', 'Dead letters of the queue.', 'max', () => perQueue(series, ({ deadLetters }) => deadLetters)),

  gauge('headgate_broker_connected', 'Whether the broker is connected (1) or not (0); the least of all workers.', 'min', () =>
    perBroker(series, ({ state }) => (state === 'connected' || state === 'blocked' ? 1 : 0)),
  ),
  counter('headgate_broker_reconnects_total', 'Connections to the broker after the first.', () => perBroker(series, ({ reconnects }) => reconnects)),
  counter('headgate_publishes_total', 'Publishes by result: confirmed by the broker, or failed.', () =>
    Array.from(series.brokers(), ({ name, confirmed, failed }) => [
      { labels: { broker: name, result: 'confirmed' }, value: confirmed },
      { labels: { broker: name, result: 'failed' }, value: failed },
    ]).flat(),
  ),
  gauge('headgate_publishes_unconfirmed', 'Publishes that wait for their confirmation.', 'sum', () =>
    perBroker(series, ({ unconfirmed }) => unconfirmed),
  ),

  gauge('headgate_messages_in_flight', 'Deliveries in work.', 'sum', () => perConsumer(series, ({ inFlight }) => inFlight)),
  counter('headgate_deliveries_total', 'Deliveries by outcome; unsettled where the broker could not be told.', () =>
    ofConsumers(series, ({ outcomes }, labels) => Array.from(outcomes.counts, ([outcome, value]) => ({ labels: { ...labels, outcome }, value }))),
  ),
  {
    name: 'headgate_delivery_seconds',
    help: 'Time from the beginning of a delivery to its settlement, waits between attempts included.',
    type: 'histogram',
    aggregator: 'sum',
    collect: () => ofConsumers(series, ({ seconds }, labels) => seconds.samples('headgate_delivery_seconds', labels)),
  },
  counter('headgate_dead_letters_total', 'Messages parked as dead letters by reason; discarded where the queue keeps none.', () =>
    ofConsumers(series, ({ parked }, labels) => Array.from(parked.counts, ([reason, value]) => ({ labels: { ...labels, reason }, value }))),
  ),
  counter('headgate_delivery_retries_total', 'Attempts after the first within one delivery.', () => perConsumer(series, ({ retries }) => retries)),
  counter('headgate_redeliveries_total', 'Deliveries after the first of a message.', () => perConsumer(series, ({ redeliveries }) => redeliveries)),
]

/** Nothing for values that the broker cannot tell at the moment. */
const perQueue = (series: MessagingSeries, value: (stats: QueueStats) => number | undefined): Sample[] =>
  [...series.queues()].flatMap((stats) => {
    const known = value(stats)
    return known === undefined ? [] : [{ labels: { queue: stats.queue }, value: known }]
  })

const perBroker = (series: MessagingSeries, value: (status: BrokerStatus) => number): Sample[] =>
  Array.from(series.brokers(), (status) => ({ labels: { broker: status.name }, value: value(status) }))

const perConsumer = (series: MessagingSeries, value: (counts: DeliveryCounts) => number): Sample[] =>
  ofConsumers(series, (counts, labels) => [{ labels, value: value(counts) }])

const ofConsumers = (series: MessagingSeries, samples: (counts: DeliveryCounts, labels: Sample['labels']) => Sample[]): Sample[] =>
  [...series.consumers.entries()].flatMap(([consumer, ofQueues]) =>
    [...ofQueues.entries()].flatMap(([queue, counts]) => samples(counts, { consumer, queue })),
  )
