import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { message } from '../../test/kit/memory-broker.ts'
import { GatewayError } from '../errors.ts'
import { CircuitBreaker } from '../policies/circuit-breaker.ts'
import { DeliveryCall } from './consumer-call.ts'
import { patience } from './consumer-patience.ts'
import type { Patience } from './consumer-patience.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const trace = { traceId: 'a'.repeat(32), parentSpanId: undefined, spanId: 'b'.repeat(16), sampled: true, flags: '01', tracestate: undefined }

const newCall = (): DeliveryCall =>
  new DeliveryCall(
    {
      message: message({ id: 'm' }),
      queue: 'q',
      history: { deliveries: 1, failures: 0, attempts: 0, firstFailedAtMs: undefined },
      lost: new AbortController().signal,
      settle: () => Promise.resolve(),
    },
    trace,
    { attempts: 0, deliveries: 0 },
  )

interface Attempt {
  readonly end: (error?: Error) => void
}

/** A breaker that one failure opens for `resetTimeoutMs`, and a target whose attempts end when the test says so. */
function circuit(resetTimeoutMs: number) {
  const attempts: Attempt[] = []
  const now = (): number => Date.now()
  const waits: Patience<string> = patience<string>(() => breaker, { now })
  const breaker = new CircuitBreaker(
    { thresholdPercent: 50, resetTimeoutMs, windowMs: 10_000, volume: 1 },
    (error) => error instanceof GatewayError && error.code === 'UPSTREAM_RESET',
    { now, onChange: waits.changed },
  )
  const stage = breaker.stage<DeliveryCall, string>({ isFailure: () => false, countsAgainst: () => true })
  const run = waits.stage(
    stage(
      () =>
        new Promise((resolve, reject) => {
          attempts.push({ end: (error) => (error === undefined ? resolve('done') : reject(error)) })
        }),
    ),
  )
  const start = (call = newCall()) => {
    const outcome = run(call, call).then(
      (text) => text,
      (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
    )
    return { call, outcome }
  }
  const open = async (): Promise<void> => {
    const { outcome } = start()
    attempts.splice(0)[0]?.end(new GatewayError('UPSTREAM_RESET'))
    expect(await outcome).toBe('UPSTREAM_RESET')
    expect(breaker.state).toBe('open')
  }
  return { attempts, breaker, waits, start, open }
}

test('deliveries wait while the circuit is open, one of them is the trial, and all go on when it has worked', async () => {
  const { attempts, start, open } = circuit(5000)
  await open()
  const all = [start(), start(), start()]
  await vi.advanceTimersByTimeAsync(4999)
  expect(attempts).toHaveLength(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(attempts).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(3000)
  expect(attempts).toHaveLength(1)
  attempts[0]?.end()
  await vi.advanceTimersByTimeAsync(0)
  expect(attempts).toHaveLength(3)
  for (const { end } of attempts) end()
  expect(await Promise.all(all.map(({ outcome }) => outcome))).toEqual(['done', 'done', 'done'])
})

test('a trial that failed opens the circuit again, and the others go on waiting', async () => {
  const { attempts, breaker, start, open } = circuit(5000)
  await open()
  const [first, second] = [start(), start()]
  await vi.advanceTimersByTimeAsync(5000)
  attempts[0]?.end(new GatewayError('UPSTREAM_RESET'))
  expect(await first.outcome).toBe('UPSTREAM_RESET')
  await vi.advanceTimersByTimeAsync(4000)
  expect([attempts.length, breaker.state]).toEqual([1, 'open'])
  await vi.advanceTimersByTimeAsync(1000)
  expect(attempts).toHaveLength(2)
  attempts[1]?.end()
  expect(await second.outcome).toBe('done')
})

test('a trial without a verdict hands the trial on at once', async () => {
  const { attempts, start, open } = circuit(5000)
  await open()
  const [first, second] = [start(), start()]
  await vi.advanceTimersByTimeAsync(5000)
  attempts[0]?.end(new GatewayError('CLIENT_GONE'))
  expect(await first.outcome).toBe('CLIENT_GONE')
  await vi.advanceTimersByTimeAsync(0)
  expect(attempts).toHaveLength(2)
  attempts[1]?.end()
  expect(await second.outcome).toBe('done')
})

test('patience ends after 60 s in all, however often the circuit tried meanwhile', async () => {
  const { attempts, start, open } = circuit(25_000)
  await open()
  const [one, other] = [start(), start()]
  await vi.advanceTimersByTimeAsync(25_000)
  attempts[0]?.end(new GatewayError('UPSTREAM_RESET'))
  expect(await one.outcome).toBe('UPSTREAM_RESET')
  await vi.advanceTimersByTimeAsync(25_000)
  // The other one is the trial now; it is given no verdict and waits on.
  attempts[1]?.end(new GatewayError('UPSTREAM_RESET'))
  expect(await other.outcome).toBe('UPSTREAM_RESET')
  const last = start()
  const trial = start()
  await vi.advanceTimersByTimeAsync(59_999)
  expect(attempts).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(1)
  expect(await trial.outcome).toBe('CIRCUIT_OPEN')
  expect(trial.call.slowedMs).toBe(60_000)
  expect(trial.call.attempts).toBe(0)
  attempts[2]?.end()
  expect(await last.outcome).toBe('done')
})

test('when the patience is ended nobody waits any more', async () => {
  const { attempts, waits, start, open } = circuit(5000)
  await open()
  const waiting = start()
  await vi.advanceTimersByTimeAsync(100)
  waits.end()
  expect(await waiting.outcome).toBe('CIRCUIT_OPEN')
  expect(await start().outcome).toBe('CIRCUIT_OPEN')
  expect(attempts).toHaveLength(0)
  expect(vi.getTimerCount()).toBe(1)
})

test('a delivery that is cut off ends its wait with the reason', async () => {
  const { start, open } = circuit(5000)
  await open()
  const { call, outcome } = start()
  await vi.advanceTimersByTimeAsync(100)
  call.aborted = true
  call.cancel(new GatewayError('CLIENT_GONE'))
  expect(await outcome).toBe('CLIENT_GONE')
})
