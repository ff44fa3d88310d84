import fc from 'fast-check'
import { expect, test } from 'vitest'
import { size, sizeOrNever } from './size.ts'

test.each([
  ['1B', 1],
  ['64KiB', 65_536],
  ['1.5MiB', 1_572_864],
  ['10MiB', 10_485_760],
  ['1GiB', 1_073_741_824],
])('%s is %d bytes', (text, bytes) => {
  expect(size(text)).toEqual({ ok: true, value: bytes })
})

test.each([
  ['64KB', 'Write `64KiB`: sizes are binary, 1KiB is 1024 bytes.'],
  ['64 KiB', 'Write `64KiB`.'],
  ['10mb', 'Write `10MiB`: sizes are binary, 1KiB is 1024 bytes.'],
  ['1g', 'Write `1GiB`: sizes are binary, 1KiB is 1024 bytes.'],
  ['5 bytes', 'Write `5B`.'],
  ['100', 'Write `100B` or `100KiB` or `100MiB`.'],
])('%s is refused and advised: %s', (text, hint) => {
  expect(size(text)).toMatchObject({ ok: false, hint })
})

test.each(['', '-1B', '0B', '1.5B', '1e3B', '007B', '.5KiB', '1KiB1B', '9'.repeat(30) + 'GiB', '∞', '1TiB', '0x10B', '١KiB'])(
  '%j is no size',
  (text) => {
    expect(size(text).ok).toBe(false)
  },
)

test('zero and no limit are possible for limits', () => {
  expect(sizeOrNever('0B')).toEqual({ ok: true, value: 0 })
  expect(sizeOrNever('never')).toEqual({ ok: true, value: Number.POSITIVE_INFINITY })
})

test('any text is either a safe whole number of bytes or refused, and what a hint advises is accepted', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-0-9. ]{0,6} ?[kKmMgGtT]?[iI]?[bB]?(ytes)?$/)), (text) => {
      const result = size(text)
      if (result.ok) return Number.isSafeInteger(result.value) && result.value > 0
      const [advice] = /(?<=^Write `)[^`]*/.exec(result.hint ?? '') ?? []
      return advice === undefined || sizeOrNever(advice).ok
    }),
    { numRuns: 2000 },
  )
})
