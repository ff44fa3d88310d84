import { AggregatorRegistry } from 'prom-client'
import { expect, test } from 'vitest'
import type { BrokerStatus } from '../messaging/broker.ts'
import { metrics } from './metrics.ts'
import type { Metrics } from './metrics.ts'

const own = (): Metrics => metrics({ process: false, now: () => 100_000 })

/** Lines of one metric, without help and type. */
const lines = async (source: { metrics(): Promise<string> }, name: string): Promise<string[]> =>
  (await source.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`))

const aggregated = async (...all: Metrics[]): Promise<{ metrics(): Promise<string> }> =>
  AggregatorRegistry.aggregate(
    await Promise.all(all.map(async ({ registry }) => JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as object)),
  )

const broker = (changes: Partial<BrokerStatus> = {}): BrokerStatus => ({
  name: 'default',
  type: 'embedded',
  state: 'connected',
  address: 'messages.db',
  reconnects: 0,
  confirmed: 0,
  failed: 0,
  unconfirmed: 0,
  lastError: undefined,
  differences: [],
  ...changes,
})

test('a consumer counts what it settles, parks, repeats and has in work', async () => {
  const all = own()
  const series = all.messaging.consumer('payment_processor', 'payment.process')
  series.inFlight(1)
  series.inFlight(1)
  series.inFlight(-1)
  series.settled('ack', 0.2)
  series.settled('ack', 0.3)
  series.settled('dead_letter', 400)
  series.unsettled()
  series.parked('failed')
  series.retried()
  series.redelivered()
  const labels = 'consumer="payment_processor",queue="payment.process"'
  const text = await all.text()
  expect(text.split('\n').filter((line) => line.includes(labels) && !line.includes('_bucket'))).toEqual([
    `headgate_messages_in_flight{${labels}} 1`,
    `headgate_deliveries_total{${labels},outcome="ack"} 2`,
    `headgate_deliveries_total{${labels},outcome="dead_letter"} 1`,
    `headgate_deliveries_total{${labels},outcome="unsettled"} 1`,
    `headgate_delivery_seconds_sum{${labels}} 400.5`,
    `headgate_delivery_seconds_count{${labels}} 3`,
    `headgate_dead_letters_total{${labels},reason="failed"} 1`,
    `headgate_delivery_retries_total{${labels}} 1`,
    `headgate_redeliveries_total{${labels}} 1`,
  ])
  const buckets = text.split('\n').filter((line) => line.startsWith('headgate_delivery_seconds_bucket'))
  expect(buckets.map((line) => line.replace(/^.*le="([^"]+)".* (\d+)$/, '$1 $2'))).toEqual(
    '0.005 0,0.01 0,0.025 0,0.05 0,0.1 0,0.25 1,0.5 2,1 2,2.5 2,5 2,10 2,30 2,60 2,300 2,900 3,+Inf 3'.split(','),
  )
})

test('a consumer keeps its counts over reloads, and loses them when it is gone or takes from another queue', async () => {
  const all = own()
  all.messaging.consumer('kept', 'a').retried()
  all.messaging.consumer('gone', 'a').retried()
  all.messaging.consumer('moved', 'a').retried()
  all.messaging.consumer('moved', 'b').retried()
  all.messaging.retain(new Set(['kept', 'moved']))
  all.messaging.consumer('kept', 'a').retried()
  expect(await lines(all.registry, 'headgate_delivery_retries_total')).toEqual([
    'headgate_delivery_retries_total{consumer="kept",queue="a"} 2',
    'headgate_delivery_retries_total{consumer="moved",queue="b"} 1',
  ])
})

test('queues show depth, age and dead letters, and nothing that the broker cannot tell', async () => {
  const all = own()
  all.messaging.queues(() => [
    { queue: 'full', depth: 7, oldestAtMs: 98_500, deadLetters: 2 },
    { queue: 'empty', depth: 0, oldestAtMs: undefined, deadLetters: 0 },
    { queue: 'away', depth: undefined, oldestAtMs: undefined, deadLetters: undefined },
  ])
  expect(await lines(all.registry, 'headgate_queue_depth')).toEqual(['headgate_queue_depth{queue="full"} 7', 'headgate_queue_depth{queue="empty"} 0'])
  expect(await lines(all.registry, 'headgate_queue_oldest_seconds')).toEqual([
    'headgate_queue_oldest_seconds{queue="full"} 1.5',
    'headgate_queue_oldest_seconds{queue="empty"} 0',
  ])
  expect(await lines(all.registry, 'headgate_queue_dead_letters')).toEqual([
    'headgate_queue_dead_letters{queue="full"} 2',
    'headgate_queue_dead_letters{queue="empty"} 0',
  ])
})

test('brokers show their connection and what became of the publishes', async () => {
  const all = own()
  all.messaging.brokers(() => [broker({ reconnects: 3, confirmed: 10, failed: 1, unconfirmed: 2 }), broker({ name: 'away', state: 'connecting' })])
  const text = await all.registry.metrics()
  expect(text.split('\n').filter((line) => line.includes('broker="'))).toEqual([
    'headgate_broker_connected{broker="default"} 1',
    'headgate_broker_connected{broker="away"} 0',
    'headgate_broker_reconnects_total{broker="default"} 3',
    'headgate_broker_reconnects_total{broker="away"} 0',
    'headgate_publishes_total{broker="default",result="confirmed"} 10',
    'headgate_publishes_total{broker="default",result="failed"} 1',
    'headgate_publishes_total{broker="away",result="confirmed"} 0',
    'headgate_publishes_total{broker="away",result="failed"} 0',
    'headgate_publishes_unconfirmed{broker="default"} 2',
    'headgate_publishes_unconfirmed{broker="away"} 0',
  ])
})

test('several workers add up what is their own, and do not multiply what is the broker’s', async () => {
  const [one, other] = [own(), own()]
  for (const [all, state] of [
    [one, 'connected'],
    [other, 'connecting'],
  ] as const) {
    all.messaging.queues(() => [{ queue: 'a', depth: 7, oldestAtMs: 90_000, deadLetters: 3 }])
    all.messaging.brokers(() => [broker({ state, confirmed: 5 })])
    all.messaging.consumer('c', 'a').settled('ack', 1)
  }
  const sum = await aggregated(one, other)
  expect(await lines(sum, 'headgate_queue_depth')).toEqual(['headgate_queue_depth{queue="a"} 7'])
  expect(await lines(sum, 'headgate_queue_oldest_seconds')).toEqual(['headgate_queue_oldest_seconds{queue="a"} 10'])
  expect(await lines(sum, 'headgate_queue_dead_letters')).toEqual(['headgate_queue_dead_letters{queue="a"} 3'])
  expect(await lines(sum, 'headgate_broker_connected')).toEqual(['headgate_broker_connected{broker="default"} 0'])
  expect(await lines(sum, 'headgate_publishes_total')).toContain('headgate_publishes_total{broker="default",result="confirmed"} 10')
  expect(await lines(sum, 'headgate_deliveries_total')).toEqual(['headgate_deliveries_total{consumer="c",queue="a",outcome="ack"} 2'])
  expect(await lines(sum, 'headgate_delivery_seconds_count')).toEqual(['headgate_delivery_seconds_count{consumer="c",queue="a"} 2'])
})
