import { expect, test } from 'vitest'
import { queueOf } from '../../http/test/door.ts'
import { jobExpiry } from './job-expiry.ts'
import type { JobConsumer } from './job-expiry.ts'
import type { Job } from './job-store.ts'

const job: Job = {
  id: 'm1',
  queue: 'orders',
  state: 'queued',
  createdAtMs: 1000,
  updatedAtMs: 2000,
  attempts: 0,
  lastError: undefined,
  result: undefined,
}
const ttlMs = 5000

test('a message in its queue for longer than the ttl is a dead letter, and the last thing that happened to it is its expiry', () => {
  const at = (nowMs: number): Job => jobExpiry([queueOf({ ttlMs })], [], () => nowMs)(job)
  expect(at(6999)).toBe(job)
  expect(at(7000)).toMatchObject({ state: 'dead_lettered', updatedAtMs: 7000, lastError: { type: 'expired' } })
})

test('where no dead letters are kept it has failed', () => {
  expect(jobExpiry([queueOf({ ttlMs, deadLetter: false })], [], () => 7000)(job).state).toBe('failed')
})

test.each(['processing', 'completed', 'failed', 'dead_lettered'] as const)('what is %s is not older than it says', (state) => {
  const other = { ...job, state }
  expect(jobExpiry([queueOf({ ttlMs })], [], () => 9_000_000)(other)).toBe(other)
})

test('nothing expires without a ttl, in a queue that is not declared any more, or on its way through to another queue', () => {
  const relay: JobConsumer = { queue: 'orders', deliverTo: { type: 'queue', queue: 'other' } }
  expect(jobExpiry([queueOf()], [], () => 9_000_000)(job)).toBe(job)
  expect(jobExpiry([], [], () => 9_000_000)(job)).toBe(job)
  expect(jobExpiry([queueOf({ ttlMs })], [relay], () => 9_000_000)(job)).toBe(job)
})
