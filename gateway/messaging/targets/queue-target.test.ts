import { expect, test } from 'vitest'
import { until } from '../../../test/kit/until.ts'
import { GatewayError } from '../../errors.ts'
import { jobHeader } from '../message.ts'
import type { Message } from '../message.ts'
import { scene } from '../test/consumer-scene.ts'

const toQueue = { deliverTo: { type: 'queue', queue: 'email.send' } } as const
const toEvents = { deliverTo: { type: 'events', events: ['OrderCreated', 'InventoryReserved'] } } as const
const event = (): Promise<void> => Promise.reject(new Error('not here'))

test('a message is handed on to another queue as it is, and acknowledged only after that is confirmed', async () => {
  const handed: { queue: string; message: Message; confirm: () => void }[] = []
  const publisher = {
    event,
    toQueue: (queue: string, message: Message) => new Promise<void>((confirm) => void handed.push({ queue, message, confirm })),
  }
  const { broker, consumer } = await scene({ config: toQueue, deps: { publisher } })
  broker.put({ id: 'm1', key: 'k', headers: { 'x-a': 'b' } })
  await until('it is handed on', () => handed.length === 1)
  expect(handed[0]).toMatchObject({ queue: 'email.send', message: { id: 'm1', key: 'k', headers: { 'x-a': 'b' } } })
  expect([broker.settled.length, consumer.status().inFlight]).toEqual([0, 1])
  handed[0]?.confirm()
  await until('it is settled', () => broker.settled.length === 1)
  expect(broker.settled[0]?.settlement).toEqual({ outcome: 'ack' })
  expect(consumer.status().target).toBe('queue email.send')
})

test('a queue that cannot take it is a failed attempt, one that never will parks it', async () => {
  const errors = { away: 'BROKER_UNAVAILABLE', full: 'QUEUE_FULL', nowhere: 'MESSAGE_UNROUTABLE', large: 'BODY_TOO_LARGE' } as const
  const publisher = { event, toQueue: (_queue: string, { id }: Message) => Promise.reject(new GatewayError(errors[id as keyof typeof errors])) }
  const { broker } = await scene({ config: toQueue, deps: { publisher } })
  for (const id of Object.keys(errors)) broker.put({ id })
  await until('all are parked', () => broker.deadLetters.length === 4)
  expect(
    Object.fromEntries(broker.deadLetters.map(({ id, attempts, settlement }) => [id, [attempts, 'reason' in settlement && settlement.reason]])),
  ).toEqual({
    away: [15, 'failed'],
    full: [15, 'failed'],
    nowhere: [15, 'failed'],
    large: [1, 'invalid'],
  })
})

test('who waits for a message that is handed on hears from its next consumer how it ends', async () => {
  const { broker, jobs } = await scene({ config: toQueue, deps: { publisher: { event, toQueue: () => Promise.resolve() } } })
  broker.put({ id: 'm1', headers: { [jobHeader]: '1' } })
  await until('it is settled', () => broker.settled.length === 1)
  expect(jobs).toEqual([])
})

test('an event is published through its gate, and one that is not valid is parked at once', async () => {
  const passed: [string, readonly string[]][] = []
  const gate = async ({ id }: Message, allowed: readonly string[]): Promise<void> => {
    if (id === 'invalid') throw new GatewayError('EVENT_INVALID', { detail: '/data/amount must be a number' })
    if (id === 'foreign') throw new GatewayError('EVENT_SOURCE_UNDECLARED')
    passed.push([id, allowed])
  }
  const { broker, consumer } = await scene({ config: toEvents, deps: { gate } })
  for (const id of ['fine', 'invalid', 'foreign']) broker.put({ id })
  await until('all are settled', () => broker.settled.length === 3)
  expect(passed).toEqual([['fine', ['OrderCreated', 'InventoryReserved']]])
  expect(broker.deadLetters).toMatchObject([
    { id: 'invalid', attempts: 1, settlement: { reason: 'rejected', error: { type: 'event_invalid', message: '/data/amount must be a number' } } },
    { id: 'foreign', attempts: 1, settlement: { reason: 'rejected', error: { type: 'event_source_undeclared' } } },
  ])
  expect(consumer.status().target).toBe('events OrderCreated, InventoryReserved')
})

test('a publish that hangs is ended by the time limit of the attempt, and cut off by draining', async () => {
  let calls = 0
  const publisher = {
    event,
    toQueue: () => {
      calls += 1
      return new Promise<void>(() => undefined)
    },
  }
  const { broker, consumer } = await scene({
    config: { ...toQueue, timeoutMs: 20, retry: { backoff: 'constant', baseDelayMs: 0, maxDelayMs: 0, maxAttempts: 2 } },
    deps: { publisher },
  })
  broker.put({ id: 'm1' })
  await until('it was tried for the second time', () => calls === 2)
  await until('it goes back', () => broker.settled.length > 0)
  expect(broker.settled[0]?.settlement).toMatchObject({ outcome: 'retry', error: { type: 'upstream_timeout' } })
  await consumer.drain(0)
  expect(consumer.status().inFlight).toBe(0)
})

test('an error that nobody foresaw is logged and counts as a failed attempt', async () => {
  const publisher = { event, toQueue: () => Promise.reject(new TypeError('secret details')) }
  const { broker, logged } = await scene({ config: toQueue, deps: { publisher } })
  broker.put({ id: 'm1' })
  await until('the message is parked', () => broker.deadLetters.length === 1)
  expect(broker.deadLetters[0]).toMatchObject({ attempts: 15, settlement: { error: { type: 'internal', message: 'Internal error' } } })
  expect(logged.filter((line) => line.startsWith('error:'))).toHaveLength(5)
})
