import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { LimitClock } from './clock.ts'
import type { Grants } from './grant-log.ts'
import { outboundLimits } from './outbound-limiter.ts'
import type { OutboundLimits } from './outbound-limiter.ts'
import type { Priority, Taken, TakeOptions } from './waiting-line.ts'

/** A clock that stands still until it is told otherwise. */
interface TestClock extends LimitClock {
  /** Everything that falls due on the way happens at its time. */
  pass(ms: number): Promise<void>
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function testClock(): TestClock {
  let nowMs = 1000
  let due: { readonly atMs: number; readonly happen: () => void }[] = []
  return {
    now: () => nowMs,
    after: (ms, happen) => {
      const one = { atMs: nowMs + ms, happen }
      due.push(one)
      return () => {
        due = due.filter((other) => other !== one)
      }
    },
    pass: async (ms) => {
      const endMs = nowMs + ms
      await settled()
      for (;;) {
        const [next] = due.toSorted((one, other) => one.atMs - other.atMs)
        if (next === undefined || next.atMs > endMs) break
        due = due.filter((other) => other !== next)
        nowMs = Math.max(nowMs, next.atMs)
        next.happen()
        await settled()
      }
      nowMs = endMs
    },
  }
}

let clock: TestClock
let limits: OutboundLimits

/** When who was granted, and who was told to come again. */
let granted: { readonly name: string; readonly atMs: number }[]
let refused: { readonly name: string; readonly retryAfterMs: number; readonly atMs: number }[]

beforeEach(() => {
  clock = testClock()
  limits = outboundLimits(clock)
  granted = []
  refused = []
})

const rate = { limit: 100, windowMs: 60_000 }
const names = (): string[] => granted.map(({ name }) => name)

function take(name: string, priority: Priority = 0, options: TakeOptions = { maxWaitMs: Infinity }, of = rate): void {
  const note = (taken: Taken): void => {
    if (taken.granted) granted.push({ name, atMs: clock.now() })
    else refused.push({ name, retryAfterMs: taken.retryAfterMs, atMs: clock.now() })
  }
  void limits.take('payment', of, priority, options).then(note)
}

const takeMany = (count: number, priority: Priority = 0, options?: TakeOptions): void => {
  for (let i = 0; i < count; i += 1) take(`P${priority} ${i}`, priority, options)
}

describe('a rate limit towards a provider', () => {
  test('lets exactly 100 of 200 pass that come at the same time, and tells the others when to come again', async () => {
    takeMany(200, 0, { maxWaitMs: 0 })
    await clock.pass(0)
    expect([granted.length, refused.length]).toEqual([100, 100])
    expect(new Set(refused.map(({ retryAfterMs }) => retryAfterMs))).toEqual(new Set([60_000]))
    await clock.pass(59_999)
    take('too early', 0, { maxWaitMs: 0 })
    await clock.pass(1)
    expect(refused.at(-1)).toMatchObject({ name: 'too early', retryAfterMs: 1 })
    takeMany(200, 0, { maxWaitMs: 0 })
    await clock.pass(0)
    expect(granted).toHaveLength(200)
  })

  test('lets no more pass at the edge of two windows than within one', async () => {
    await clock.pass(59_000)
    takeMany(100, 0, { maxWaitMs: 0 })
    await clock.pass(2000)
    takeMany(100, 0, { maxWaitMs: 0 })
    await clock.pass(0)
    expect(granted).toHaveLength(100)
  })

  test.each([1, 7, 100])('never lets more than %i pass in any window, whoever comes when', async (limit) => {
    const arrivals = fc.array(
      fc.record({ gapMs: fc.nat(400), count: fc.nat(30), priority: fc.constantFrom<Priority>(0, 1, 2), maxWaitMs: fc.nat(5000) }),
      {
        maxLength: 30,
      },
    )
    await fc.assert(
      fc.asyncProperty(arrivals, async (steps) => {
        clock = testClock()
        limits = outboundLimits(clock)
        granted = []
        refused = []
        for (const { gapMs, count, priority, maxWaitMs } of steps) {
          for (let i = 0; i < count; i += 1) take('x', priority, { maxWaitMs }, { limit, windowMs: 1000 })
          await clock.pass(gapMs)
        }
        await clock.pass(20_000)
        const times = granted.map(({ atMs }) => atMs)
        for (const [i, atMs] of times.entries()) expect(atMs - (times[i - limit] ?? -Infinity)).toBeGreaterThanOrEqual(1000)
        expect(times.length + refused.length).toBe(steps.reduce((sum, { count }) => sum + count, 0))
        expect(limits.waiting).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('lets those who wait pass as soon as there is room, and wastes none', async () => {
    const small = { limit: 2, windowMs: 1000 }
    for (let i = 0; i < 7; i += 1) take(`c${i}`, 0, { maxWaitMs: Infinity }, small)
    await clock.pass(300)
    expect(names()).toEqual(['c0', 'c1'])
    await clock.pass(10_000)
    expect(granted.map(({ atMs }) => atMs - 1000)).toEqual([0, 0, 1000, 1000, 2000, 2000, 3000])
  })

  test('serves all of P0 before P1 before P2, each in their order', async () => {
    takeMany(100)
    await clock.pass(10)
    granted = []
    for (let i = 0; i < 60; i += 1) for (const priority of [2, 1, 0] as const) take(`P${priority} ${i}`, priority)
    await clock.pass(200_000)
    const expected = [0, 1, 2].flatMap((priority) => Array.from({ length: 60 }, (_, i) => `P${priority} ${i}`))
    expect(names()).toEqual(expected)
  })

  test('serves by priority also among those who come in the same turn while there is room', async () => {
    takeMany(80, 2, { maxWaitMs: 0 })
    takeMany(80, 0, { maxWaitMs: 0 })
    await clock.pass(0)
    expect(names().filter((name) => name.startsWith('P0'))).toHaveLength(80)
    expect(names()).toHaveLength(100)
  })

  test('tells at once who would wait longer than he wants to', async () => {
    takeMany(100)
    await clock.pass(1000)
    take('patient', 0, { maxWaitMs: 59_001 })
    take('impatient', 0, { maxWaitMs: 59_000 })
    await clock.pass(0)
    expect(refused).toEqual([{ name: 'impatient', retryAfterMs: 59_000, atMs: 2000 }])
    takeMany(99)
    take('in the window after', 0, { maxWaitMs: 100_000 })
    await clock.pass(0)
    expect(refused.at(-1)).toMatchObject({ name: 'in the window after', retryAfterMs: 119_000 })
    await clock.pass(59_000)
    expect(names()).toContain('patient')
  })

  test('gives up when the time is over, and when the caller goes, and the place goes to the next', async () => {
    const goes = new AbortController()
    const small = { limit: 1, windowMs: 1000 }
    take('first', 0, { maxWaitMs: 0 }, small)
    await clock.pass(0)
    take('low', 2, { maxWaitMs: 2500 }, small)
    take('gone', 1, { maxWaitMs: Infinity, signal: goes.signal }, small)
    await clock.pass(500)
    take('urgent', 0, { maxWaitMs: Infinity }, small)
    take('urgent too', 0, { maxWaitMs: Infinity }, small)
    goes.abort()
    await clock.pass(0)
    expect(refused).toEqual([{ name: 'gone', retryAfterMs: expect.any(Number) as number, atMs: 1500 }])
    await clock.pass(2000)
    expect(names()).toEqual(['first', 'urgent', 'urgent too'])
    expect(refused.at(-1)).toMatchObject({ name: 'low', atMs: 3500 })
    take('late', 0, { maxWaitMs: Infinity, signal: goes.signal }, small)
    await clock.pass(5000)
    expect(refused.at(-1)).toMatchObject({ name: 'late' })
    expect(limits.waiting).toBe(0)
  })

  test('refuses nobody because the source of grants is slow to answer while there is room', async () => {
    let answer: ((grants: Grants) => void) | undefined
    limits.share({ take: () => new Promise((resolve) => (answer = resolve)), close: () => undefined })
    take('first', 0, { maxWaitMs: 40 })
    await clock.pass(0)
    take('second', 0, { maxWaitMs: 40 })
    await clock.pass(100)
    expect([granted, refused]).toEqual([[], []])
    answer?.({ granted: [1, 0, 0], nextInMs: 0 })
    await clock.pass(0)
    expect(names()).toEqual(['first'])
    answer?.({ granted: [0, 0, 0], nextInMs: 500 })
    await clock.pass(0)
    expect(refused).toEqual([{ name: 'second', retryAfterMs: 500, atMs: clock.now() }])
  })

  test('lets 10,000 of each priority wait, and refuses more', async () => {
    takeMany(10_101)
    take('other lane', 1)
    await clock.pass(0)
    expect(refused).toMatchObject([{ name: 'P0 10000' }, ...Array.from({ length: 100 }, () => ({}))])
    expect(limits.waiting).toBe(9901)
  })

  test('keeps a limit that a reload has changed', async () => {
    takeMany(100, 0, { maxWaitMs: 0 })
    await clock.pass(10)
    for (let i = 0; i < 5; i += 1) take(`more ${i}`, 0, { maxWaitMs: 0 }, { limit: 102, windowMs: 60_000 })
    await clock.pass(0)
    expect(names().filter((name) => name.startsWith('more'))).toHaveLength(2)
    await clock.pass(59_990)
    for (let i = 0; i < 5; i += 1) take(`fewer ${i}`, 0, { maxWaitMs: 0 }, { limit: 3, windowMs: 60_000 })
    await clock.pass(0)
    expect(names().filter((name) => name.startsWith('fewer'))).toHaveLength(1)
  })

  test('counts each bucket for itself', async () => {
    takeMany(100)
    const other = await Promise.all(Array.from({ length: 150 }, () => limits.take('email', rate, 0, { maxWaitMs: 0 })))
    expect(other.filter((taken) => taken.granted)).toHaveLength(100)
    await clock.pass(0)
    expect(granted).toHaveLength(100)
  })

  test('lets nobody wait when it is closed', async () => {
    takeMany(150)
    await clock.pass(0)
    limits.close()
    take('after', 0)
    await clock.pass(0)
    expect([granted.length, refused.length]).toEqual([100, 51])
  })

  test('does not go by the time of day, which may be set back', async () => {
    const real = outboundLimits()
    const small = { limit: 5, windowMs: 200 }
    const began = performance.now()
    const taken = await Promise.all(Array.from({ length: 12 }, () => real.take('payment', small, 0, { maxWaitMs: 5000 })))
    expect(taken.filter((one) => one.granted)).toHaveLength(12)
    expect(performance.now() - began).toBeGreaterThanOrEqual(400)
    expect(performance.now() - began).toBeLessThan(2000)
    real.close()
  })
})
