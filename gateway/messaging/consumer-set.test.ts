import { beforeEach, expect, test } from 'vitest'
import type { Consumer, ConsumerStatus } from './consumer-contract.ts'
import { consumerSet } from './consumer-set.ts'
import type { ConsumerSet, RunningConsumer } from './consumer-set.ts'

let events: string[]
let drains: Map<string, () => void>
let set: ConsumerSet

/** A consumer that writes down what it is told; its drain ends when the test says so. */
const recorded = (label: string): Consumer => {
  let drained: Promise<void> | undefined
  return {
    config: { name: label } as Consumer['config'],
    pause: () => void events.push(`${label} paused`),
    resume: () => void events.push(`${label} resumed`),
    drain: async (timeoutMs) => {
      events.push(drained === undefined ? `${label} draining` : `${label} has ${timeoutMs} ms`)
      drained ??= new Promise((resolve) => drains.set(label, resolve))
      await drained
      events.push(`${label} drained`)
    },
    status: () => ({ name: label }) as ConsumerStatus,
  }
}

const wanted = (name: string, settings: string): RunningConsumer => ({
  name,
  settings,
  service: undefined,
  start: () => {
    events.push(`${name} ${settings} started`)
    return recorded(`${name} ${settings}`)
  },
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => {
  events = []
  drains = new Map()
  set = consumerSet()
})

test('a consumer that did not change runs on', async () => {
  await set.run([wanted('a', '1')], 1000)
  await set.run([wanted('a', '1')], 1000)
  expect(events).toEqual(['a 1 started'])
})

test('a consumer that changed is drained before the new one starts', async () => {
  await set.run([wanted('a', '1'), wanted('b', '1')], 1000)
  const replaced = set.run([wanted('a', '2'), wanted('b', '1')], 1000)
  await turn()
  expect(events.slice(2)).toEqual(['a 1 draining'])
  drains.get('a 1')?.()
  await replaced
  expect(events.slice(2)).toEqual(['a 1 draining', 'a 1 drained', 'a 2 started'])
})

test('a consumer that is gone is drained and not started again', async () => {
  await set.run([wanted('a', '1')], 1000)
  const gone = set.run([], 1000)
  drains.get('a 1')?.()
  await gone
  expect(events).toEqual(['a 1 started', 'a 1 draining', 'a 1 drained'])
  expect(set.status()).toEqual([])
})

test('only the latest of several configurations starts after the wait', async () => {
  await set.run([wanted('a', '1')], 1000)
  const second = set.run([wanted('a', '2')], 1000)
  const third = set.run([wanted('a', '3')], 1000)
  drains.get('a 1')?.()
  await Promise.all([second, third])
  expect(events.filter((event) => event.endsWith('started'))).toEqual(['a 1 started', 'a 3 started'])
})

test('nothing starts after the drain of all', async () => {
  await set.run([wanted('a', '1')], 1000)
  const replaced = set.run([wanted('a', '2')], 1000)
  const drained = set.drain(1000)
  drains.get('a 1')?.()
  await Promise.all([replaced, drained])
  expect(events.filter((event) => event.endsWith('started'))).toEqual(['a 1 started'])
})

test('what an operator paused stays paused when its settings change', async () => {
  await set.run([wanted('a', '1')], 1000)
  expect(set.pause('a', true)).toBe(true)
  const replaced = set.run([wanted('a', '2')], 1000)
  drains.get('a 1')?.()
  await replaced
  expect(events).toEqual(['a 1 started', 'a 1 paused', 'a 1 draining', 'a 1 drained', 'a 2 started', 'a 2 paused'])
  expect(set.pause('unknown', true)).toBe(false)
})

test('what an operator paused before the start takes nothing', async () => {
  set.pause('a', true)
  await set.run([wanted('a', '1')], 1000)
  expect(events).toEqual(['a 1 started', 'a 1 paused'])
})

test('a consumer is shown until it is drained, and told when there is less time than it was given', async () => {
  await set.run([wanted('a', '1')], 1000)
  const replaced = set.run([wanted('a', '2')], 60_000)
  expect(set.status()).toEqual([{ name: 'a 1' }])
  const drained = set.drain(1000)
  expect(events).toEqual(['a 1 started', 'a 1 draining', 'a 1 has 1000 ms'])
  drains.get('a 1')?.()
  await Promise.all([replaced, drained])
  expect(set.status()).toEqual([])
})
