import { expect, test } from 'vitest'
import { GatewayError, errorCatalogue } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { countsAgainstService, retryAfterMs } from './service-rules.ts'

const now = Date.parse('Sun, 22 Nov 2026 12:00:00 GMT')

test.each([
  ['0', 0],
  ['120', 120_000],
  ['999999999999', 999_999_999_999_000],
  ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
  ['Sun, 22 Nov 2026 11:59:30 GMT', 0],
])('Retry-After of "%s" asks for %i ms', (value, expected) => {
  expect(retryAfterMs(value, now)).toBe(expected)
})

test.each(['', '-1', '+1', '1.5', '1e3', '0x10', ' 1', '1 ', 'soon', '1000000000000000', 'Sunday, 22-Nov-26 12:00:30 GMT', '2026-11-22T12:00:30Z'])(
  'Retry-After of "%s" is junk and asks for nothing',
  (value) => {
    expect(retryAfterMs(value, now)).toBeUndefined()
  },
)

test('two Retry-After headers, or none, ask for nothing', () => {
  expect(retryAfterMs(['1', '2'], now)).toBeUndefined()
  expect(retryAfterMs(undefined, now)).toBeUndefined()
})

test('only failures of the service itself count against it', () => {
  const counting = (Object.keys(errorCatalogue) as ErrorCode[]).filter((code) => countsAgainstService(new GatewayError(code)))
  expect(counting.sort()).toEqual(['DEADLINE_EXCEEDED', 'UPSTREAM_CONNECT_FAILED', 'UPSTREAM_INVALID_RESPONSE', 'UPSTREAM_RESET', 'UPSTREAM_TIMEOUT'])
  expect(countsAgainstService(new Error('a bug of the gateway'))).toBe(false)
})
