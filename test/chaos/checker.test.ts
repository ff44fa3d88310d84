import { expect, test } from 'vitest'
import { check } from './checker.ts'
import { ledger } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import type { RecordEntry } from './record.ts'

/** A sender that was promised everything. */
function sentAndConfirmed(count: number): Ledger {
  const book = ledger()
  for (let n = 1; n <= count; n += 1) {
    book.try(book.next())
    book.confirm(n, n)
  }
  return book
}

const once = (numbers: readonly number[]): readonly RecordEntry[] => numbers.map((n) => [n, 1, 0])

test('finds nothing wrong when every acknowledged message was handled once', () => {
  expect(check(sentAndConfirmed(3), { entries: once([3, 1, 2]), foreign: 0 }, [])).toEqual({
    attempted: 3,
    acknowledged: 3,
    lost: 0,
    duplicated: 0,
    duplicatedOfResent: 0,
    unexpected: 0,
    deadLettered: 0,
    failedAttempts: 0,
  })
})

test('finds the acknowledged messages that never arrived', () => {
  expect(check(sentAndConfirmed(4), { entries: once([1, 3]), foreign: 0 }, [])).toMatchObject({ lost: 2, duplicated: 0 })
})

test('takes a message that the target only refused for lost, unless it was parked', () => {
  const got = { entries: [[1, 0, 3] as const, [2, 0, 3] as const], foreign: 0 }
  expect(check(sentAndConfirmed(2), got, [2])).toMatchObject({ lost: 1, deadLettered: 1, failedAttempts: 6, duplicated: 0 })
})

test('does not take a message for lost whose publishing was never acknowledged, whether it arrived or not', () => {
  const sent = sentAndConfirmed(1)
  for (const n of [sent.next(), sent.next()]) sent.try(n)
  expect(check(sent, { entries: once([1, 2]), foreign: 0 }, [])).toMatchObject({ attempted: 3, acknowledged: 1, lost: 0, unexpected: 0 })
})

test('counts every arrival after the first, and tells apart those that were sent again', () => {
  const sent = sentAndConfirmed(3)
  sent.try(2)
  const entries: readonly RecordEntry[] = [
    [1, 3, 0],
    [2, 2, 0],
    [3, 1, 2],
  ]
  expect(check(sent, { entries, foreign: 0 }, [])).toMatchObject({ lost: 0, duplicated: 3, duplicatedOfResent: 1, failedAttempts: 2 })
})

test('counts a message that was handled and parked, or parked twice, as duplicated', () => {
  expect(check(sentAndConfirmed(2), { entries: once([1]), foreign: 0 }, [1, 2, 2])).toMatchObject({ lost: 0, duplicated: 2, deadLettered: 3 })
})

test('finds arrivals and dead letters that nobody sent', () => {
  const entries: readonly RecordEntry[] = [
    [1, 1, 0],
    [7, 1, 1],
  ]
  expect(check(sentAndConfirmed(1), { entries, foreign: 2 }, [0, 9])).toMatchObject({ unexpected: 6, lost: 0, duplicated: 0 })
})
