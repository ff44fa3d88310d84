import { describe, expect, test } from 'vitest'
import type { DeadLetter } from '../../gateway/messaging/dead-letter.ts'
import type { TextStream } from '../io.ts'
import { jsonText } from './json.ts'
import { progressLine } from './progress.ts'
import { agoText, lettersText, letterText, summariesText } from './text.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')
const stream = (columns?: number): TextStream & { readonly written: string[] } => {
  const written: string[] = []
  return { write: (text) => void written.push(text), style: (_, text) => text, columns, written }
}

const letter: DeadLetter = {
  id: '0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44',
  queue: 'payment.process',
  reason: 'failed',
  lastError: { type: 'status_503', message: 'the service answered 503' },
  attempts: 15,
  deliveries: 5,
  publishedAtMs: nowMs - 7_200_000,
  firstFailedAtMs: nowMs - 7_199_000,
  parkedAtMs: nowMs - 300_000,
  exchange: 'payment.process',
  routingKey: 'payment.process',
  contentType: 'application/json',
  headers: { 'idempotency-key': 'order-7' },
  key: undefined,
  bodyBytes: 42,
}

describe('the table of a queue', () => {
  test('has a line per dead letter', () => {
    expect(lettersText([letter], nowMs, stream())).toBe(
      `id                                    reason  error                                 attempts  deliveries  parked
0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44  failed  status_503: the service answered 503  15        5           5m ago
`,
    )
  })

  test('cuts the error, never the id, where the terminal is narrow', () => {
    const [, line = ''] = lettersText([letter], nowMs, stream(80)).split('\n')
    expect(line).toBe('0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44  failed  status_503: the…  15        5           5m ago')
    expect(lettersText([letter], nowMs, stream(110)).split('\n')[1]).toHaveLength(110)
  })

  test('shows what a publisher chose without obeying it', () => {
    const text = lettersText([{ ...letter, id: 'a\u001b[2Jb\nc' }], nowMs, stream())
    expect(text).toContain('a\\u{1b}[2Jb\\u{a}c')
    expect(text.split('\n')).toHaveLength(3)
  })
})

test('the table of all queues counts reasons', () => {
  const oldestParkedAtMs = nowMs - 90_000_000
  expect(
    summariesText(
      [
        { queue: 'payment.process', count: 1234, oldestParkedAtMs, newestParkedAtMs: nowMs, reasons: { failed: 1200, rejected: 34 } },
        { queue: 'email.send', count: 0, oldestParkedAtMs: undefined, newestParkedAtMs: undefined, reasons: {} },
      ],
      nowMs,
      stream(),
    ),
  ).toBe(`queue            dead letters  oldest  reasons
payment.process  1,234         1d ago  failed 1200, rejected 34
email.send       0
`)
})

test('one dead letter is shown with all that is known, headers last', () => {
  expect(letterText({ ...letter, headers: { ...letter.headers, evil: '\u001b]0;x\u0007' } }, nowMs, stream())).toBe(
    `id            0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44
queue         payment.process
reason        failed
last error    status_503: the service answered 503
attempts      15
deliveries    5
published     2026-03-10T10:00:00.000Z (2h ago)
first failed  2026-03-10T10:00:01.000Z (1h ago)
parked        2026-03-10T11:55:00.000Z (5m ago)
exchange      payment.process
routing key   payment.process
content type  application/json
body          42B

headers
idempotency-key  order-7
evil             \\u{1b}]0;x\\u{7}
`,
  )
})

test.each([
  [nowMs, 'just now'],
  [nowMs + 5000, 'just now'],
  [nowMs - 59_999, '59s ago'],
  [nowMs - 3_600_000, '1h ago'],
  [nowMs - 100 * 86_400_000, '100d ago'],
  [undefined, 'unknown'],
  [Number.NaN, 'unknown'],
])('an age of %s is %s', (epochMs, text) => {
  expect(agoText(epochMs, nowMs)).toBe(text)
})

test('JSON escapes what could steer a terminal and still means the same', () => {
  const value = { a: 'x\u001b\u009b\u202ey\u2028', b: '日本' }
  const text = jsonText(value)
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/)
  expect(JSON.parse(text)).toEqual(value)
})

describe('progress', () => {
  test('is one line of a terminal, at most ten times in a second, and leaves nothing behind', () => {
    const err = stream(80)
    let clockMs = 0
    const line = progressLine('replaying:', err, () => clockMs)
    for (let done = 1; done <= 3000; done += 1) {
      clockMs += 1
      line.tick(done)
    }
    line.end()
    expect(err.written).toHaveLength(31)
    expect(err.written[29]).toBe('\r\u001b[2Kreplaying: 3,000')
    expect(err.written[30]).toBe('\r\u001b[2K')
  })

  test('is silent where nobody watches', () => {
    const err = stream()
    let clockMs = 0
    const line = progressLine('replaying:', err, () => (clockMs += 1000))
    line.tick(1)
    line.end()
    expect(err.written).toEqual([])
  })
})
