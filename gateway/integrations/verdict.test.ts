import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failureActions } from '../../schemas/failure-modes.ts'
import { failureKinds } from '../plugin.ts'
import type { FailureKind } from '../plugin.ts'
import { newIntent } from './intent.ts'
import type { Intent } from './intent.ts'
import { modeOf } from './test/scene.ts'
import { isExpired, mayRepeat, verdict } from './verdict.ts'
import type { OperationTraits } from './verdict.ts'

const nowMs = 10_000_000
const clock = { nowMs, random: () => 0.5 }
const drivers = ['door', 'delivery', 'step', 'background'] as const
const intent = newIntent({ integration: 'payment', operation: 'pay', scope: 's', key: 'k', input: {}, ttlMs: 1000, nowMs: nowMs - 1000 })

const traits: OperationTraits = {
  nature: 'key',
  duplicates: 'harmful',
  keyTtlMs: 86_400_000,
  canLookUp: true,
  maxAttempts: 3,
  hasLocal: true,
  templateField: 'template',
  modes: [],
  reconcile: { baseDelayMs: 1000, maxDelayMs: 300_000, giveUpAfterMs: 82_800_000 },
  canFallBackTo: () => true,
}

const kinds = fc.constantFrom(...(Object.keys(failureKinds) as FailureKind[]))

/** Any operation with any mode for any failure, in any hands. */
const anything = fc.record({
  nature: fc.constantFrom('key', 'inherent', 'none'),
  duplicates: fc.constantFrom('harmful', 'tolerable'),
  canLookUp: fc.boolean(),
  action: fc.option(fc.constantFrom(...failureActions)),
  kind: kinds,
  executed: fc.constantFrom('no', 'yes', 'unknown'),
  unsure: fc.boolean(),
  driver: fc.constantFrom(...drivers),
  ageMs: fc.constantFrom(0, 1000, 82_800_000, 90_000_000),
  doubled: fc.boolean(),
})

describe('whatever the configuration says', () => {
  const judged = (sample: typeof anything extends fc.Arbitrary<infer T> ? T : never) => {
    const { nature, duplicates, canLookUp, action, kind, executed, driver, ageMs } = sample
    const unsure = executed === 'unknown' || sample.unsure
    const modes = action === null ? [] : [modeOf({ kind }, action, { to: 'backup', template: 'plain' })]
    const own: OperationTraits = { ...traits, nature, duplicates, canLookUp, modes }
    const failure = { kind, executed: unsure ? ('unknown' as const) : executed, message: 'it failed' }
    const sinceMs = nowMs - ageMs
    const one: Intent = { ...intent, unsure, sinceMs, firstAttemptAtMs: sinceMs, attempts: 1, failure, ...(sample.doubled ? { doubled: true } : {}) }
    return { own, one, failure, driver, decided: verdict(own, one, failure, driver, clock) }
  }

  test('a payment never moves to another provider after an unknown outcome, and no email does so twice', () => {
    fc.assert(
      fc.property(anything, (sample) => {
        const { own, one, decided } = judged(sample)
        if (decided.type !== 'fallback' || !one.unsure) return
        expect(own.duplicates).toBe('tolerable')
        expect(one.doubled).not.toBe(true)
        expect(decided.doubled).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('a payment whose outcome is unknown is never declared to be over', () => {
    fc.assert(
      fc.property(anything, (sample) => {
        const { own, one, decided } = judged(sample)
        if (!one.unsure || own.duplicates !== 'harmful') return
        expect(['queue', 'verify', 'wait', 'review', 'template', 'local']).toContain(decided.type)
      }),
      { numRuns: 5000 },
    )
  })

  test('nothing that cannot be repeated is repeated once it may have been sent', () => {
    fc.assert(
      fc.property(anything, (sample) => {
        const { own, one, decided } = judged(sample)
        if (mayRepeat(own, one)) return
        expect(['queue', 'template']).not.toContain(decided.type)
        if (decided.type === 'failed') expect(decided.open).toBe(false)
        // Only a question may go on.
        if (decided.type === 'verify' || decided.type === 'wait') expect(own.canLookUp).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  test('what is too old is left to a person, or is over', () => {
    fc.assert(
      fc.property(anything, (sample) => {
        const { own, one, decided } = judged(sample)
        if (!isExpired(own, one, nowMs)) return
        expect(['queue', 'verify', 'wait', 'fallback']).not.toContain(decided.type)
      }),
      { numRuns: 5000 },
    )
  })

  test('only messages and flows are told to come again, and only a caller puts an intent into a queue', () => {
    fc.assert(
      fc.property(anything, (sample) => {
        const { driver, decided } = judged(sample)
        if (decided.type === 'wait') expect(['delivery', 'step']).toContain(driver)
        if (decided.type === 'queue') expect(driver).toBe('door')
        if (decided.type === 'verify') expect(['door', 'background']).toContain(driver)
        if ('delayMs' in decided) expect(decided.delayMs).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('waits', () => {
  test('grow with the attempts up to five minutes, and last as long as the provider asks', () => {
    const failure = { kind: 'service_down', executed: 'no', message: '' } as const
    const delayOf = (attempts: number, retryAfterMs?: number): number => {
      const asked = retryAfterMs === undefined ? failure : { ...failure, retryAfterMs }
      const decided = verdict(traits, { ...intent, attempts, failure: asked }, asked, 'delivery', clock)
      return decided.type === 'wait' ? decided.delayMs : Number.NaN
    }
    expect([1, 2, 3, 30].map((attempts) => delayOf(attempts))).toEqual([500, 1000, 2000, 150_000])
    expect(delayOf(1, 60_000)).toBe(60_000)
    // No provider decides that an intent outlives its time.
    expect(delayOf(1, 1e12)).toBe(82_800_000 - 1000)
  })
})
