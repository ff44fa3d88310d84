import { expect, test } from 'vitest'
import { bindingMatches } from './binding.ts'

test.each([
  ['payment.new', 'payment.new'],
  ['payment.*', 'payment.new'],
  ['*.new', 'payment.new'],
  ['#', 'payment.new'],
  ['#', ''],
  ['payment.#', 'payment'],
  ['payment.#', 'payment.card.new'],
  ['#.new', 'payment.card.new'],
  ['#.card.#', 'payment.card.new'],
  ['*.#', 'payment'],
  ['a.#.b.#.c', 'a.b.b.c'],
])('%s fits %s', (binding, key) => {
  expect(bindingMatches(binding, key)).toBe(true)
})

test.each([
  ['payment.new', 'payment.old'],
  ['payment.*', 'payment'],
  ['payment.*', 'payment.card.new'],
  ['*', 'payment.new'],
  ['pay*', 'payment'],
  ['payment', 'payment.new'],
  ['#.new', 'payment.new.card'],
])('%s does not fit %s', (binding, key) => {
  expect(bindingMatches(binding, key)).toBe(false)
})

test('many hashes cost no more than their number', () => {
  const begin = performance.now()
  expect(bindingMatches(`${'#.'.repeat(60)}x`, `${'a.'.repeat(120)}y`)).toBe(false)
  expect(performance.now() - begin).toBeLessThan(500)
})
