import { expect, test } from 'vitest'
import { fingerprint, idempotencyKey } from './idempotency-key.ts'

test.each([
  ['abc', 'abc'],
  ['"abc"', 'abc'],
  ['  abc ', 'abc'],
  ['"a\\"b\\\\c"', 'a"b\\c'],
  ['8e03978e-40d5-43e8-bc93-6894a57f9324', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
  ['x'.repeat(255), 'x'.repeat(255)],
])('%j is the key %j', (header, key) => {
  expect(idempotencyKey('idempotency-key', header, true)).toBe(key)
})

test.each(['', ' ', '"', '""', '"a', 'a"', 'a b', '"a b"', 'a, b', '"a"; p=1', '"a\\b"', 'x'.repeat(256), 'grüße'])('%j is no key', (header) => {
  expect(() => idempotencyKey('idempotency-key', header, false)).toThrow('255 visible characters')
})

test('no key is no fault, unless the rule wants one', () => {
  expect(idempotencyKey('idempotency-key', undefined, false)).toBeUndefined()
  expect(() => idempotencyKey('x-key', undefined, true)).toThrow('x-key')
})

test('a fingerprint depends on everything that decides the message, and on where each part ends', () => {
  const request = { method: 'POST', path: '/a', query: '?b=c', contentType: 'text/plain', body: Buffer.from('d') }
  const others = [
    request,
    { ...request, method: 'PUT' },
    { ...request, path: '/a?b', query: '=c' },
    { ...request, query: '' },
    { ...request, contentType: undefined },
    { ...request, contentType: 'null' },
    { ...request, body: Buffer.from('e') },
    { ...request, contentType: 'text/plain"]', body: Buffer.from('') },
  ]
  expect(new Set(others.map(fingerprint)).size).toBe(others.length)
  expect(fingerprint({ ...request })).toBe(fingerprint(request))
})
