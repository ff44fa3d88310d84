import fc from 'fast-check'
import { expect, test } from 'vitest'
import { age, bareDurationOrNever, bareTimerDuration, durationOrNever, durationOrZero, timerDuration } from './duration.ts'

test.each([
  ['1ms', 1],
  ['250ms', 250],
  ['5s', 5000],
  ['1.5s', 1500],
  ['0.5s', 500],
  ['1m30s', 90_000],
  ['1h30m', 5_400_000],
  ['2d12h', 216_000_000],
  ['24d', 2_073_600_000],
])('%s is %d ms', (text, ms) => {
  expect(timerDuration(text)).toEqual({ ok: true, value: ms })
})

test.each([
  ['5sec', 'Write `5s`.'],
  ['5 s', 'Write `5s`.'],
  ['10 minutes', 'Write `10m`.'],
  ['1:30', 'Write `1m30s`.'],
  ['1:00:00', 'Write `1h`.'],
  ['.5s', 'Write `0.5s`.'],
  ['007s', 'Write `7s`.'],
  ['1e3s', 'Write `1000s`.'],
  ['2w', 'Write `14d`.'],
  ['PT1M30S', 'Write `1m30s`.'],
  ['30m1h', 'Write `1h30m`.'],
  ['１０ｓ', 'Write `10s`.'],
  ['5', 'Write `5s` or `5ms`.'],
  ['500us', 'The smallest unit is `ms`.'],
  ['1.5ms', 'The smallest unit is `ms`.'],
])('%s is refused and %s is advised', (text, hint) => {
  expect(timerDuration(text)).toMatchObject({ ok: false, hint })
})

test.each([
  '',
  '-1s',
  '+1s',
  '0s',
  '0',
  '1e9s',
  '5s5s',
  '1s1m',
  '25d',
  '∞',
  'never',
  '1',
  's',
  '5S ',
  '٥s',
  '5s\n',
  '9'.repeat(400) + 's',
  '1.2.3s',
  'Infinity',
  'NaN',
])('%j is no timer', (text) => {
  expect(timerDuration(text).ok).toBe(false)
})

test('zero, never and long ages are possible where they make sense only', () => {
  expect(durationOrZero('0s')).toEqual({ ok: true, value: 0 })
  expect(durationOrNever('∞')).toEqual({ ok: true, value: Number.POSITIVE_INFINITY })
  expect(durationOrNever('0s')).toMatchObject({ ok: false, hint: 'Write `never` for no limit.' })
  expect(age('365d')).toEqual({ ok: true, value: 31_536_000_000 })
  expect(age('36526d').ok).toBe(false)
  expect(durationOrNever('infinity')).toMatchObject({ hint: 'Write `never` for no limit.' })
})

test('a bare number asks for its unit', () => {
  expect(bareTimerDuration(5)).toMatchObject({ message: '5 what?', hint: 'Write `5s` or `5ms`.' })
  expect(bareDurationOrNever(0)).toMatchObject({ message: '`0` must be more than zero.', hint: 'Write `never` for no limit.' })
})

test('whatever is written in units, largest first, is read as their sum', () => {
  const units = [86_400_000, 3_600_000, 60_000, 1000, 1] as const
  const names = ['d', 'h', 'm', 's', 'ms'] as const
  const counts = fc.tuple(fc.nat(23), fc.nat(100), fc.nat(100), fc.nat(1000), fc.nat(1000))
  fc.assert(
    fc.property(counts, (parts) => {
      const text = parts.map((count, index) => (count === 0 ? '' : `${count}${names[index]}`)).join('')
      const ms = parts.reduce((sum, count, index) => sum + count * (units[index] ?? 0), 0)
      fc.pre(text !== '' && ms <= 2_073_600_000)
      expect(timerDuration(text)).toEqual({ ok: true, value: ms })
    }),
  )
})

test('any text is either a duration within bounds or refused with a message, and what a hint advises is accepted', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[-+0-9.,: ]{0,8}[a-zA-Zµ ]{0,8}[0-9]{0,3}[smhd]?$/),
    fc.stringMatching(/^([0-9]{1,4}[.]?[0-9]{0,3} ?(ms|s|sec|m|min|h|d|w)){1,3}$/),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const result = timerDuration(text)
      if (result.ok) return result.value > 0 && result.value <= 2_073_600_000 && Number.isInteger(result.value)
      const advised = [...(result.hint ?? '').matchAll(/`([^`]*[0-9][^`]*)`/g)].map(([, advice = '']) => advice)
      return result.message !== '' && advised.every((advice) => timerDuration(advice).ok)
    }),
    { numRuns: 2000 },
  )
})
