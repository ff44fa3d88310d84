import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs, maxBackoffMs } from './backoff.ts'

const policy = { baseDelayMs: 50, maxDelayMs: 2000 }

test('the longest wait doubles with every attempt until the cap', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => maxBackoffMs(policy, attempt))).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000])
})

test('a linear wait grows by the same piece every time, a constant one never, both within the cap', () => {
  const attempts = [1, 2, 3, 39, 40, 41, 5000]
  expect(attempts.map((attempt) => maxBackoffMs({ ...policy, kind: 'linear' }, attempt))).toEqual([50, 100, 150, 1950, 2000, 2000, 2000])
  expect(attempts.map((attempt) => maxBackoffMs({ ...policy, kind: 'constant' }, attempt))).toEqual([50, 50, 50, 50, 50, 50, 50])
  expect(maxBackoffMs({ kind: 'constant', baseDelayMs: 50, maxDelayMs: 10 }, 1)).toBe(10)
  expect(maxBackoffMs({ ...policy, kind: 'exponential' }, 3)).toBe(200)
})

test('full jitter spreads a wait over everything from zero to the longest', () => {
  expect(backoffMs(policy, 3, () => 0)).toBe(0)
  expect(backoffMs(policy, 3, () => 0.5)).toBe(100)
  expect(backoffMs(policy, 3, () => 0.999)).toBeLessThan(200)
})

test('no wait is negative, not a number or beyond the cap, however many attempts were made', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, chance) => {
      const ms = backoffMs(policy, attempt, () => chance)
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(ms).toBeLessThan(policy.maxDelayMs)
    }),
  )
})
