import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../errors.ts'
import type { Call } from '../pipe.ts'
import { CircuitBreaker, type CircuitBreakerPolicy, type CircuitState } from './circuit-breaker.ts'
import { type Outcome, RunningCalls, circuitModel } from './test/circuit-model.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const policy: CircuitBreakerPolicy = { thresholdPercent: 50, resetTimeoutMs: 3000, windowMs: 1000, volume: 4 }

function circuit(of: CircuitBreakerPolicy = policy) {
  const changes: CircuitState[] = []
  const countsAgainst = (error: unknown): boolean => error instanceof Error && error.message === 'failed'
  const breaker = new CircuitBreaker(of, countsAgainst, { now: () => Date.now(), onChange: (state) => void changes.push(state) })
  const calls = new RunningCalls()
  const run = breaker.stage<undefined, string>({ isFailure: (result) => result === 'bad', countsAgainst })(() => calls.begin())
  const call: Call = { deadlineAtMs: Infinity, attempts: 0, aborted: false, sent: true, progressAtMs: -Infinity, cancel: () => undefined }
  return { breaker, changes, calls, run: () => calls.track(run(undefined, call)) }
}

type Circuit = ReturnType<typeof circuit>

async function finish(of: Circuit, outcome: Outcome): Promise<void> {
  const running = of.run()
  of.calls.end(of.calls.count - 1, outcome)
  await running.settled
}

async function finishAll(of: Circuit, outcomes: readonly Outcome[]): Promise<void> {
  for (const outcome of outcomes) await finish(of, outcome)
}

async function opened(): Promise<Circuit> {
  const of = circuit()
  await finishAll(of, ['bad', 'failed', 'bad', 'failed'])
  expect(of.breaker.state).toBe('open')
  return of
}

test('opens at exactly the threshold, once the volume was seen', async () => {
  const of = circuit()
  await finishAll(of, ['ok', 'ok', 'bad'])
  expect(of.breaker.state).toBe('closed')
  await finish(of, 'bad')
  expect(of.breaker.state).toBe('open')
})

test('stays closed a hair below the threshold', async () => {
  const of = circuit({ ...policy, thresholdPercent: 34, volume: 3 })
  await finishAll(of, ['ok', 'ok', 'bad'])
  expect(of.breaker.state).toBe('closed')
})

test('the volume alone decides when a share of nothing is already too much', async () => {
  const of = circuit({ ...policy, thresholdPercent: 0 })
  await finishAll(of, ['bad', 'bad', 'bad'])
  expect(of.breaker.state).toBe('closed')
  await finish(of, 'bad')
  expect(of.breaker.state).toBe('open')
})

test('failures that are older than the window are forgotten', async () => {
  const of = circuit()
  await finishAll(of, ['bad', 'bad', 'bad'])
  vi.advanceTimersByTime(1000)
  await finishAll(of, ['bad', 'bad', 'bad'])
  expect(of.breaker.state).toBe('closed')
})

test('slow failures count when they end, not when they began', async () => {
  const of = circuit()
  for (let i = 0; i < 4; i += 1) of.run()
  vi.advanceTimersByTime(10_000)
  for (let i = 0; i < 4; i += 1) of.calls.end(i, 'failed')
  await of.calls.allSettled()
  expect(of.breaker.state).toBe('open')
})

test('outcomes that are nobody’s fault count neither way', async () => {
  const of = circuit()
  await finishAll(of, ['neutral', 'neutral', 'neutral', 'neutral', 'bad', 'bad', 'bad'])
  expect(of.breaker.status).toMatchObject({ state: 'closed', succeeded: 0, failed: 3 })
})

test('a failed result reaches the caller as it is, an error as it is', async () => {
  const of = circuit()
  const bad = of.run()
  of.calls.end(0, 'bad')
  expect(await bad.settled).toBe('bad')
  const failed = of.run()
  of.calls.end(1, 'failed')
  expect(await failed.settled).toEqual(new Error('failed'))
})

test('while open, calls are refused at once with the seconds to wait and reach nobody', async () => {
  const of = await opened()
  vi.advanceTimersByTime(500)
  const refused = await of.run().settled
  expect(refused).toBeInstanceOf(GatewayError)
  expect(refused).toMatchObject({ code: 'CIRCUIT_OPEN', retryAfterSeconds: 3 })
  expect(of.calls.count).toBe(4)
})

test('after the open time exactly one of many parallel calls is let through', async () => {
  const of = await opened()
  vi.advanceTimersByTime(3000)
  expect(of.breaker.state).toBe('half_open')
  for (let i = 0; i < 200; i += 1) of.run()
  expect(of.calls.count).toBe(5)
  of.calls.end(4, 'ok')
  await of.calls.allSettled()
  expect(of.breaker.state).toBe('closed')
})

test('many failures at the same moment open it once, and the trial call still comes', async () => {
  const of = circuit()
  for (let i = 0; i < 6; i += 1) of.run()
  for (let i = 0; i < 6; i += 1) of.calls.end(i, 'failed')
  await of.calls.allSettled()
  expect(of.changes).toEqual(['open'])
  vi.advanceTimersByTime(3000)
  await finish(of, 'ok')
  expect(of.changes).toEqual(['open', 'half_open', 'closed'])
})

test('a failed trial call opens it again for the whole time, although the window is empty, and a later one closes it', async () => {
  const of = await opened()
  vi.advanceTimersByTime(60_000)
  await finish(of, 'failed')
  expect(of.breaker.status).toMatchObject({ state: 'open', opensForMs: 3000 })
  vi.advanceTimersByTime(2999)
  expect(of.breaker.state).toBe('open')
  vi.advanceTimersByTime(1)
  await finish(of, 'ok')
  expect(of.breaker.state).toBe('closed')
})

test('a trial call whose client went away hands the trial on to the next call', async () => {
  const of = await opened()
  vi.advanceTimersByTime(3000)
  await finish(of, 'neutral')
  expect(of.breaker.state).toBe('half_open')
  await finish(of, 'ok')
  expect(of.changes).toEqual(['open', 'half_open', 'closed'])
})

test('answers of calls from before the opening do not decide for the trial call', async () => {
  const of = circuit()
  for (let i = 0; i < 6; i += 1) of.run()
  for (let i = 0; i < 4; i += 1) of.calls.end(i, 'failed')
  await vi.advanceTimersByTimeAsync(3000)
  of.calls.end(4, 'ok')
  of.calls.end(5, 'failed')
  await of.calls.settledOf([4, 5])
  expect(of.breaker.state).toBe('half_open')
})

test('failures from before the opening do not open it again after it has closed', async () => {
  const of = circuit()
  for (let i = 0; i < 10; i += 1) of.run()
  for (let i = 0; i < 4; i += 1) of.calls.end(i, 'failed')
  await vi.advanceTimersByTimeAsync(3000)
  await finish(of, 'ok')
  for (let i = 4; i < 10; i += 1) of.calls.end(i, 'failed')
  await of.calls.allSettled()
  expect(of.breaker.state).toBe('closed')
})

test('opens and closes again any number of times', async () => {
  const of = circuit()
  for (let round = 0; round < 5; round += 1) {
    await finishAll(of, ['bad', 'bad', 'bad', 'bad'])
    vi.advanceTimersByTime(3000)
    await finish(of, 'ok')
    expect(of.breaker.state).toBe('closed')
    vi.advanceTimersByTime(1000)
  }
})

test('once closed for good it leaves no timer', async () => {
  const of = await opened()
  of.breaker.close()
  expect(vi.getTimerCount()).toBe(0)
})

const outcome = fc.constantFrom<Outcome>('ok', 'bad', 'failed', 'neutral')
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(), outcome }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1500 }) }) },
)
const policies = fc.record({
  thresholdPercent: fc.integer({ min: 1, max: 100 }),
  resetTimeoutMs: fc.integer({ min: 10, max: 2000 }),
  windowMs: fc.integer({ min: 10, max: 200 }).map((tens) => tens * 10),
  volume: fc.integer({ min: 1, max: 6 }),
})

test('behaves like a plain state machine under any order of calls, outcomes and pauses', async () => {
  await fc.assert(
    fc.asyncProperty(policies, fc.array(command, { maxLength: 80 }), async (of, commands) => {
      vi.setSystemTime(0)
      const real = circuit(of)
      const model = circuitModel(of)
      for (const step of commands) {
        if (step.do === 'wait') {
          await vi.advanceTimersByTimeAsync(step.ms)
          model.now(Date.now())
        } else if (step.do === 'begin') {
          const before = real.calls.count
          const running = real.run()
          const admitted = real.calls.count > before
          expect(admitted).toBe(model.begin(before))
          if (!admitted) await running.settled
        } else {
          const ended = real.calls.endAny(step.which, step.outcome)
          if (ended === undefined) continue
          await real.calls.settledOf([ended])
          model.end(ended, step.outcome)
        }
        expect(real.breaker.state).toBe(model.state)
      }
      real.breaker.close()
    }),
    { numRuns: 300 },
  )
})
