import fc from 'fast-check'
import { expect, test } from 'vitest'
import { offsetTracker } from './offset-tracker.ts'

test('commits up to the first record that is not settled, and jumps when that one is', () => {
  const tracker = offsetTracker(5n)
  for (const offset of [5n, 6n, 9n]) tracker.delivered(offset)
  expect(tracker.committable).toBe(5n)
  tracker.settled(6n)
  expect([tracker.committable, tracker.span]).toEqual([5n, 3])
  tracker.settled(5n)
  expect([tracker.committable, tracker.span]).toEqual([7n, 1])
  tracker.settled(9n)
  expect([tracker.committable, tracker.span]).toEqual([10n, 0])
})

test('a record that was never delivered, or is settled twice, changes nothing', () => {
  const tracker = offsetTracker(0n)
  tracker.delivered(0n)
  tracker.settled(1n)
  expect(tracker.committable).toBe(0n)
  tracker.settled(0n)
  tracker.settled(0n)
  expect([tracker.committable, tracker.span]).toEqual([1n, 0])
})

test('whatever the order of settlement: everything before the offset to commit is settled, and nothing settled is kept back', () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(gaps, fc.infiniteStream(fc.nat()), (steps, chance) => {
      const tracker = offsetTracker(0n)
      let last = -1n
      const open = steps.map((step) => (last += BigInt(step)))
      for (const offset of open) tracker.delivered(offset)
      const unsettled = [...open]
      while (unsettled.length > 0) {
        const [offset = 0n] = unsettled.splice((chance.next().value ?? 0) % unsettled.length, 1)
        tracker.settled(offset)
        const oldest = unsettled.toSorted((a, b) => (a < b ? -1 : 1))[0]
        const before = oldest === undefined ? open : open.filter((one) => one < oldest)
        expect(tracker.committable).toBe((before.at(-1) ?? -1n) + 1n)
        expect(tracker.span).toBe(open.length - before.length)
      }
    }),
  )
})
