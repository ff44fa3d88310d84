import { expect, test } from 'vitest'
import { countText, durationText, sizeText } from './quantities.ts'

test.each([
  [0, '0ms'],
  [250, '250ms'],
  [1000, '1s'],
  [1500, '1.5s'],
  [60_000, '1m'],
  [90_000, '1m30s'],
  [3_600_000, '1h'],
  [5_400_000, '1h30m'],
  [86_400_000 + 1000, '1d1s'],
  [Number.POSITIVE_INFINITY, 'never'],
])('%d ms reads %s', (milliseconds, text) => {
  expect(durationText(milliseconds)).toBe(text)
})

test.each([
  [0, '0B'],
  [1023, '1023B'],
  [65_536, '64KiB'],
  [1_572_864, '1.5MiB'],
  [1_073_741_824, '1GiB'],
  [Number.POSITIVE_INFINITY, 'never'],
])('%d bytes read %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text)
})

test('counts agree with their noun', () => {
  expect([countText(0, 'route'), countText(1, 'route'), countText(2, 'route')]).toEqual(['0 routes', '1 route', '2 routes'])
})
