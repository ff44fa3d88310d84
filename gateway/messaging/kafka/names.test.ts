import { expect, test } from 'vitest'
import { retryDelaysMs, retryLevel } from './names.ts'

test.each([
  [1, 0],
  [1000, 0],
  [1001, 1],
  [60_000, 2],
  [3_600_000, 4],
  [86_400_000, 4],
])('a delay of %i ms waits in partition %i', (delayMs, level) => {
  expect(retryLevel(delayMs)).toBe(level)
})

test('a delay waits with delays that are not shorter than itself, unless it is longer than all of them', () => {
  for (const [level, delay] of retryDelaysMs.entries()) expect(retryLevel(delay)).toBe(level)
})
