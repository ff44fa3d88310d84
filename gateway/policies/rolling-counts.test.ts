import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RollingCounts } from './rolling-counts.ts'

function counts(windowMs: number): { readonly clock: { ms: number }; readonly counts: RollingCounts } {
  const clock = { ms: 0 }
  return { clock, counts: new RollingCounts(windowMs, () => clock.ms) }
}

test('remembers what was counted for nine tenths of the window at least, and for the window at most', () => {
  const { clock, counts: rolling } = counts(1000)
  clock.ms = 99
  rolling.addFirst()
  clock.ms = 999
  expect(rolling.first).toBe(1)
  clock.ms = 1000
  expect(rolling.first).toBe(0)
})

test('forgets everything after a silence of any length', () => {
  const { clock, counts: rolling } = counts(1000)
  rolling.addFirst()
  rolling.addSecond()
  clock.ms = 1e9
  expect([rolling.first, rolling.second]).toEqual([0, 0])
})

test('a clock that stands still or jumps back loses nothing', () => {
  const { clock, counts: rolling } = counts(1000)
  clock.ms = 5000
  rolling.addFirst()
  clock.ms = 4000
  rolling.addFirst()
  expect(rolling.first).toBe(2)
})

test('agrees with a list of all that was counted', () => {
  const step = fc.record({ waitMs: fc.integer({ min: 0, max: 700 }), first: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 10, max: 2000 }), (steps, windowMs) => {
      const { clock, counts: rolling } = counts(windowMs)
      const seen: { readonly bucket: number; readonly first: boolean }[] = []
      for (const { waitMs, first } of steps) {
        clock.ms += waitMs
        const bucket = Math.floor(clock.ms / (windowMs / 10))
        seen.push({ bucket, first })
        if (first) rolling.addFirst()
        else rolling.addSecond()
        const recent = seen.filter((one) => one.bucket > bucket - 10)
        expect([rolling.first, rolling.second]).toEqual([recent.filter((one) => one.first).length, recent.filter((one) => !one.first).length])
      }
    }),
  )
})
