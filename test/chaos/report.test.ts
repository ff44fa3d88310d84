import { expect, test } from 'vitest'
import { isBroken, text } from './report.ts'
import { type RunResult, atMost, exactly } from './scenario.ts'

const result = (checks: RunResult['checks']): RunResult => ({
  scenario: 'gateway-kill',
  broker: 'embedded',
  counts: {
    attempted: 100_000,
    acknowledged: 100_000,
    lost: 0,
    duplicated: 12,
    duplicatedOfResent: 4,
    unexpected: 0,
    deadLettered: 0,
    failedAttempts: 0,
  },
  checks,
  seconds: 61.2,
})

test('a run is broken when one promise is', () => {
  expect(isBroken(result([exactly('a', 0, 0), atMost('b', 5, 5)]))).toBe(false)
  expect(isBroken(result([exactly('a', 0, 0), atMost('b', 5.1, 5)]))).toBe(true)
  expect(isBroken(result([exactly('a', undefined, 0)]))).toBe(true)
})

test('what never happened is later than any limit', () => {
  expect(atMost('the rate again', Infinity, 5, ' s')).toEqual({ promise: 'the rate again', kept: false, seen: 'never s, at most 5 s' })
})

test('the report has the counts, every promise with what was seen, the seed, and what was not run', () => {
  const notRun = [
    { scenario: 'broker-kill', broker: 'embedded', why: 'does not apply: it has no process of its own', kind: 'not applicable' as const },
  ]
  const report = text({ seed: 7, size: 'full', results: [result([exactly('nothing is lost', 0, 0), exactly('nothing odd', 1, 0)])], notRun })
  expect(report).toBe(
    [
      'scenario      broker    attempted  acknowledged  lost  duplicated  unexpected  dead-lettered  seconds  promises',
      'gateway-kill  embedded    100,000       100,000     0          12           0              0       61  BROKEN',
      'broker-kill   embedded          -             -     -           -           -              -        -  does not apply: it has no process of its own',
      '',
      'gateway-kill on embedded',
      '  kept   nothing is lost: 0',
      '  BROKEN nothing odd: 1 instead of 0',
      '         of the duplicated, 4 were of messages that were sent more than once',
      '',
      'seed 7, full size',
      '',
    ].join('\n'),
  )
})
