import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../errors.ts'
import type { Call } from '../pipe.ts'
import { attemptTimeout } from './attempt-timeout.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const now = (): number => Date.now()

/** A call whose attempt ends only when it is cancelled. */
function hanging(deadlineAtMs = Infinity) {
  let reject: (error: Error) => void = () => undefined
  const call: Call = { deadlineAtMs, attempts: 0, aborted: false, sent: true, progressAtMs: -Infinity, cancel: (reason) => reject(reason) }
  const attempt = (): Promise<never> => new Promise((_resolve, no) => void (reject = no))
  return { call, attempt }
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  )

test('an attempt that takes too long ends with UPSTREAM_TIMEOUT, not earlier and not later', async () => {
  const { call, attempt } = hanging()
  const code = codeOf(attemptTimeout(100, { now })(attempt)(undefined, call))
  expect(await vi.advanceTimersByTimeAsync(99).then(() => vi.getTimerCount())).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await code).toBe('UPSTREAM_TIMEOUT')
})

test('the deadline ends an attempt where it comes before the timeout', async () => {
  const { call, attempt } = hanging(now() + 40)
  const code = codeOf(attemptTimeout(100, { now })(attempt)(undefined, call))
  await vi.advanceTimersByTimeAsync(40)
  expect(await code).toBe('DEADLINE_EXCEEDED')
})

test('no attempt begins after the deadline', async () => {
  const attempt = vi.fn(() => Promise.resolve())
  const { call } = hanging(now())
  expect(await codeOf(attemptTimeout(100, { now })(attempt)(undefined, call))).toBe('DEADLINE_EXCEEDED')
  expect(attempt).not.toHaveBeenCalled()
})

test('an attempt that ends leaves no timer behind, well or badly', async () => {
  const { call } = hanging()
  await attemptTimeout(100, { now })(() => Promise.resolve(1))(undefined, call)
  await codeOf(attemptTimeout(100, { now })(() => Promise.reject(new Error('no')))(undefined, call))
  expect(vi.getTimerCount()).toBe(0)
})

test('without timeout and deadline there is no timer at all', async () => {
  const { call } = hanging()
  const running = attemptTimeout(Infinity, { now })(() => Promise.resolve(1))(undefined, call)
  expect(vi.getTimerCount()).toBe(0)
  expect(await running).toBe(1)
})

test('while a body is passed on the time counts from its last piece, and the deadline counts in any case', async () => {
  for (const [deadlineMs, endsAtMs, expected] of [
    [Infinity, 250, 'UPSTREAM_TIMEOUT'],
    [200, 200, 'DEADLINE_EXCEEDED'],
  ] as const) {
    const startMs = now()
    const { call, attempt } = hanging(startMs + deadlineMs)
    let endedAfterMs = -1
    const code = codeOf(attemptTimeout(100, { now })(attempt)(undefined, call)).finally(() => {
      endedAfterMs = now() - startMs
    })
    for (let piece = 0; piece < 3; piece += 1) {
      await vi.advanceTimersByTimeAsync(50)
      Object.assign(call, { progressAtMs: now() })
    }
    await vi.advanceTimersByTimeAsync(200)
    expect(await code).toBe(expected)
    expect(endedAfterMs).toBe(endsAtMs)
  }
})
