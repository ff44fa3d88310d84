import { expect, test } from 'vitest'
import type { QueueConfig } from '../../config/model.ts'
import { directQueue } from '../../test/kit/messages.ts'
import { exchangeRouting } from './exchange-routing.ts'

const queue = (name: string, type: QueueConfig['type'], exchange: string, bindings: readonly string[]): QueueConfig =>
  directQueue(name, { type, exchange, bindings })

test('a direct exchange hands a message to the queues that are bound to exactly its key', () => {
  const routing = exchangeRouting([
    queue('a', 'direct', 'x', ['a', 'both']),
    queue('b', 'direct', 'x', ['b', 'both']),
    queue('a.a', 'direct', 'y', ['a']),
  ])
  expect(routing.queuesFor('x', 'a')).toEqual(['a'])
  expect(routing.queuesFor('x', 'both')).toEqual(['a', 'b'])
  expect(routing.queuesFor('y', 'a')).toEqual(['a.a'])
  expect(routing.queuesFor('x', '*')).toEqual([])
  expect(routing.queuesFor('z', 'a')).toEqual([])
})

test('stars and hashes mean nothing to a direct exchange', () => {
  expect(exchangeRouting([queue('a', 'direct', 'x', ['*', '#'])]).queuesFor('x', 'b')).toEqual([])
})

test('a fanout exchange hands a message to all its queues', () => {
  const routing = exchangeRouting([queue('a', 'fanout', 'x', []), queue('b', 'fanout', 'x', []), queue('c', 'fanout', 'c', [])])
  expect(routing.queuesFor('x', 'whatever')).toEqual(['a', 'b'])
})

test('a queue that is bound several times gets a message once', () => {
  const bindings = ['#', 'order.*', 'order.created', 'order.created']
  expect(exchangeRouting([queue('a', 'topic', 'x', bindings)]).queuesFor('x', 'order.created')).toEqual(['a'])
  expect(exchangeRouting([queue('a', 'direct', 'x', ['k', 'k'])]).queuesFor('x', 'k')).toEqual(['a'])
})

test.each([
  ['order.created', 'order.created', true],
  ['order.created', 'order.createdx', false],
  ['order.*', 'order.created', true],
  ['order.*', 'order', false],
  ['order.*', 'order.created.eu', false],
  ['*.created', 'order.created', true],
  ['order.#', 'order', true],
  ['order.#', 'order.created.eu', true],
  ['order.#', 'orders', false],
  ['#', '', true],
  ['#', 'a.b.c', true],
  ['#.eu', 'order.created.eu', true],
  ['#.eu', 'eu', true],
  ['a.#.d', 'a.b.c.d', true],
  ['a.#.d', 'a.d', true],
  ['a.#.d', 'a.b.c', false],
  ['#.#', 'a', true],
  ['#.*', 'a', true],
  ['#.*.#.*', 'a', false],
  ['*', 'a.b', false],
  ['*', '', true],
])('pattern %s for key "%s": %s', (binding, routingKey, taken) => {
  expect(exchangeRouting([queue('q', 'topic', 'x', [binding])]).queuesFor('x', routingKey)).toHaveLength(taken ? 1 : 0)
})

test('a pattern of many hashes takes no time on a long key', () => {
  const binding = `${Array.from({ length: 100 }, () => '#').join('.')}.z`
  const routing = exchangeRouting([queue('q', 'topic', 'x', [binding])])
  const before = performance.now()
  expect(routing.queuesFor('x', Array.from({ length: 1000 }, () => 'a').join('.'))).toEqual([])
  expect(performance.now() - before).toBeLessThan(500)
})
