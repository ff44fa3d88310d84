import { expect, test } from 'vitest'
import { chance } from './chance.ts'
import { ledger } from './ledger.ts'
import { targetBook } from './record.ts'

const body = (n: number, fate = 'handled', run = 'run'): string => JSON.stringify({ run, n, fate })

test('the target answers as the message says and counts each arrival', () => {
  const book = targetBook('run')
  expect([body(1), body(1), body(2, 'refused'), body(3, 'failing'), body(3, 'failing')].map((text) => book.arrived(text))).toEqual([
    204, 204, 422, 500, 500,
  ])
  expect(book.record()).toEqual({
    entries: [
      [1, 2, 0],
      [2, 0, 1],
      [3, 0, 2],
    ],
    foreign: 0,
  })
  expect(book.progress()).toEqual({ arrivals: 5, handled: 1 })
})

test('the target notices what is not of this run', () => {
  const book = targetBook('run')
  for (const text of [body(1, 'handled', 'another'), '', '{', 'null', '{"run":"run"}', body(0), body(1.5), body(1, 'odd')]) book.arrived(text)
  expect(book.record()).toEqual({ entries: [], foreign: 8 })
})

test('the ledger knows the rate of confirmations in any span', () => {
  const book = ledger()
  for (let n = 1; n <= 200; n += 1) book.confirm(book.next(), 10_000 + n * 10 - 5)
  expect(book.rate(10_000, 12_000)).toBe(100)
  expect(book.rate(12_000, 13_000)).toBe(0)
  expect(book.rate(11_500, 12_500)).toBe(50)
  expect(book.firstConfirmedAfter(10_100)).toBe(10_105)
  expect(book.firstConfirmedAfter(12_000)).toBeUndefined()
})

test('the ledger refuses to confirm a message twice', () => {
  const book = ledger()
  book.confirm(book.next(), 1)
  expect(() => book.confirm(1, 2)).toThrow('message 1 was confirmed before')
})

test('chance repeats itself with its seed, and not with another', () => {
  const draw = (seed: number): readonly number[] => Array.from({ length: 5 }, chance(seed))
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  expect(draw(7).every((one) => one >= 0 && one < 1)).toBe(true)
})
