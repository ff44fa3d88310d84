import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

test.each([
  ['treshold', ['timeout', 'threshold'], 'threshold'],
  ['userService', ['order-service', 'user-service'], 'user-service'],
  ['T', ['_', 'TZ'], 'TZ'],
  ['x', ['a', 'X'], 'X'],
])('%s is near to one of %j', (text, candidates, meant) => {
  expect(nearest(text, candidates)).toBe(meant)
})

test.each([
  ['T', ['_', 'A']],
  ['no', ['a']],
  ['routes', ['listeners', 'services']],
])('%s is near to none of %j', (text, candidates) => {
  expect(nearest(text, candidates)).toBe(undefined)
})
