import { expect, test } from 'vitest'
import { retryBudget } from './retry-budget.ts'

const taken = (budget: ReturnType<typeof retryBudget>, tries: number): number => {
  let count = 0
  for (let i = 0; i < tries; i += 1) if (budget.take()) count += 1
  return count
}

test('retries are at most the declared share of the calls', () => {
  const budget = retryBudget({ percent: 20, minPerSecond: 0 }, () => 0)
  for (let i = 0; i < 1000; i += 1) budget.called()
  expect(taken(budget, 1000)).toBe(200)
})

test('a quiet route may retry as often as the floor allows', () => {
  const budget = retryBudget({ percent: 20, minPerSecond: 3 }, () => 0)
  budget.called()
  expect(taken(budget, 100)).toBe(30)
})

test('without calls and without a floor there is nothing to take', () => {
  expect(
    taken(
      retryBudget({ percent: 100, minPerSecond: 0 }, () => 0),
      10,
    ),
  ).toBe(0)
})

test('what was taken is given back as the window moves on', () => {
  const clock = { ms: 0 }
  const budget = retryBudget({ percent: 0, minPerSecond: 1 }, () => clock.ms)
  expect(taken(budget, 100)).toBe(10)
  clock.ms = 10_000
  expect(taken(budget, 100)).toBe(10)
})
