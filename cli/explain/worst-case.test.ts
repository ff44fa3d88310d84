import { expect, test } from 'vitest'
import type { RouteConfig } from '../../config/model.ts'
import { worstCase } from './worst-case.ts'

const never = Number.POSITIVE_INFINITY
const retry = { maxAttempts: 3, baseDelayMs: 50, maxDelayMs: 2000, budgetPercent: 20, budgetMinPerSecond: 3 }
// The calculation reads no more of a route than this.
const route = (parts: Partial<RouteConfig>): RouteConfig => ({ timeoutMs: 5000, deadlineMs: never, ...parts }) as RouteConfig

test('without retries it is one attempt', () => {
  expect(worstCase(route({}), 'GET', {})).toEqual({ waitMs: 5000, waitWithRetryAfterMs: 5000, calls: 1, attempts: 1, bound: 'attempts' })
})

test('with retries it is all attempts and the longest backoffs between them', () => {
  expect(worstCase(route({ retry }), 'GET', {})).toEqual({ waitMs: 15_150, waitWithRetryAfterMs: 19_000, calls: 3, attempts: 3, bound: 'attempts' })
})

test('a deadline bounds the wait, not the number of calls', () => {
  expect(worstCase(route({ retry, deadlineMs: 8000 }), 'GET', {})).toMatchObject({
    waitMs: 8000,
    waitWithRetryAfterMs: 8000,
    calls: 3,
    bound: 'deadline',
  })
})

test('a method that may not be repeated reaches the service once', () => {
  expect(worstCase(route({ retry }), 'POST', {})).toMatchObject({ calls: 1, attempts: 3 })
})

test('an idempotency key makes it repeatable', () => {
  const keyed = route({ retry: { ...retry, idempotencyHeader: 'idempotency-key' } })
  expect(worstCase(keyed, 'POST', { 'idempotency-key': 'k' })).toMatchObject({ calls: 3 })
  expect(worstCase(keyed, 'POST', {})).toMatchObject({ calls: 1 })
})

test('without timeout and deadline nothing bounds it', () => {
  expect(worstCase(route({ timeoutMs: never }), 'GET', {})).toMatchObject({ waitMs: never, bound: 'none' })
})
