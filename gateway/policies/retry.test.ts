import { expect, test, vi } from 'vitest'
import type { Call } from '../pipe.ts'
import { type RetryRules, retry } from './retry.ts'

interface Scene {
  readonly outcomes: readonly (string | Error)[]
  readonly maxAttempts?: number
  readonly deadlineAtMs?: number
  readonly askedMs?: number
  readonly budget?: number
  readonly mayRepeat?: boolean
  /** What happens to the call while it waits. */
  readonly onSleep?: (call: Call) => void
  /** How much longer than asked for every wait takes. */
  readonly lateMs?: number
}

/** Plays outcomes through the stage; a result of `bad` is a failure. Time passes in waits only. */
async function play(scene: Scene) {
  const { outcomes, maxAttempts = 3, deadlineAtMs = Infinity, askedMs, budget = Infinity, mayRepeat = true, onSleep, lateMs = 0 } = scene
  let nowMs = 0
  let left = budget
  const waits: number[] = []
  const discarded: string[] = []
  const onRetry = vi.fn()
  const onBudgetExhausted = vi.fn()
  const call: Call = { deadlineAtMs, attempts: 0, aborted: false, sent: true, progressAtMs: -Infinity, cancel: () => undefined }
  const rules: RetryRules<undefined, string> = {
    mayRepeatError: () => mayRepeat,
    mayRepeatResult: (_input, _call, result) => mayRepeat && result === 'bad',
    askedDelayMs: () => askedMs,
    discard: (result) => void discarded.push(result),
  }
  const stage = retry<undefined, string>({ maxAttempts, baseDelayMs: 100, maxDelayMs: 1000 }, rules, {
    budget: {
      called: () => undefined,
      take: () => {
        left -= 1
        return left >= 0
      },
    },
    now: () => nowMs,
    random: () => 0.5,
    sleep: (ms) => {
      waits.push(ms)
      nowMs += ms + lateMs
      onSleep?.(call)
      return Promise.resolve()
    },
    onRetry,
    onBudgetExhausted,
  })
  const attempt = (): Promise<string> => {
    const outcome = outcomes[call.attempts] ?? 'ok'
    call.attempts += 1
    return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)
  }
  const result = await stage(attempt)(undefined, call).catch((error: unknown) => error)
  return { result, attempts: call.attempts, waits, discarded, retries: onRetry.mock.calls.length, exhausted: onBudgetExhausted.mock.calls.length }
}

const failure = new Error('connection refused')

test('a call that succeeds is made once', async () => {
  expect(await play({ outcomes: ['ok'] })).toMatchObject({ result: 'ok', attempts: 1, waits: [], retries: 0 })
})

test('a failed call is repeated until it succeeds, waiting longer each time', async () => {
  expect(await play({ outcomes: [failure, 'bad', 'ok'] })).toMatchObject({ result: 'ok', attempts: 3, waits: [50, 100], retries: 2 })
})

test('the last outcome is what the caller gets when the attempts are used up', async () => {
  expect(await play({ outcomes: [failure, failure, 'bad'] })).toMatchObject({ result: 'bad', attempts: 3 })
  expect(await play({ outcomes: ['bad', 'bad', failure] })).toMatchObject({ result: failure, attempts: 3 })
})

test('results that are not used are given up, the last one is not', async () => {
  expect((await play({ outcomes: ['bad', 'bad', 'bad'] })).discarded).toEqual(['bad', 'bad'])
})

test('what must not be repeated is not', async () => {
  expect(await play({ outcomes: [failure], mayRepeat: false })).toMatchObject({ result: failure, attempts: 1 })
  expect(await play({ outcomes: ['bad'], mayRepeat: false })).toMatchObject({ result: 'bad', attempts: 1 })
})

test('one attempt means no retry', async () => {
  expect(await play({ outcomes: ['bad'], maxAttempts: 1 })).toMatchObject({ attempts: 1, exhausted: 0 })
})

test('stops when the next backoff would outlive the deadline', async () => {
  expect(await play({ outcomes: [failure, failure], deadlineAtMs: 120 })).toMatchObject({ result: failure, attempts: 2, waits: [50] })
})

test('a wait that took too long leaves no attempt that could only fail', async () => {
  const late = await play({ outcomes: [failure], deadlineAtMs: 60, lateMs: 10 })
  expect(late).toMatchObject({ attempts: 1, result: { code: 'DEADLINE_EXCEEDED' } })
})

test('stops when the budget is used up, and says so', async () => {
  expect(await play({ outcomes: ['bad', 'bad', 'bad'], budget: 1 })).toMatchObject({ result: 'bad', attempts: 2, exhausted: 1 })
})

test('does not ask the budget for a retry that is impossible anyway', async () => {
  expect(await play({ outcomes: ['bad'], maxAttempts: 1, budget: 0 })).toMatchObject({ exhausted: 0 })
})

test('waits at least as long as the other side asks for', async () => {
  expect((await play({ outcomes: ['bad'], askedMs: 700 })).waits).toEqual([700])
  expect((await play({ outcomes: ['bad'], askedMs: 0 })).waits).toEqual([50])
})

test('does not wait longer than the deadline, or without one the longest backoff, because the other side asks for it', async () => {
  expect(await play({ outcomes: ['bad'], askedMs: 1001 })).toMatchObject({ result: 'bad', attempts: 1 })
  expect(await play({ outcomes: ['bad'], askedMs: 1001, deadlineAtMs: 5000 })).toMatchObject({ result: 'ok', waits: [1001] })
  expect(await play({ outcomes: ['bad'], askedMs: 5000, deadlineAtMs: 5000 })).toMatchObject({ result: 'bad', attempts: 1 })
})

test('a caller that has gone gets no further attempt', async () => {
  const gone = await play({ outcomes: [failure, failure, failure], onSleep: (call) => void (call.aborted = true) })
  expect(gone.attempts).toBe(2)
})
