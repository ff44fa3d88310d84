import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formats } from '../../schemas/formats.ts'
import { isFormatName, valueFormats } from './formats.ts'

const names = Object.keys(formats).filter(isFormatName)

test('every described format has a parser, and the other way round', () => {
  expect(Object.keys(valueFormats).sort()).toEqual(Object.keys(formats).sort())
})

test.each(names)('the examples of %s are what they are examples of', (name) => {
  for (const example of formats[name].examples) {
    expect(valueFormats[name].parse(example)).toMatchObject({ ok: true })
    expect(example).toMatch(new RegExp(formats[name].pattern))
  }
})

test.each(names)('%s never throws, and the pattern for editors accepts whatever the parser does', (name) => {
  const pattern = new RegExp(formats[name].pattern, 'u')
  const like = fc
    .constantFrom(...formats[name].examples)
    .chain((example) =>
      fc
        .tuple(fc.nat(example.length), fc.string({ maxLength: 3, unit: 'binary' }))
        .map(([at, extra]) => example.slice(0, at) + extra + example.slice(at)),
    )
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), like), (text) => {
      const result = valueFormats[name].parse(text)
      return result.ok ? pattern.test(text) : result.message.length > 0
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['headgate-percent', '0%', 0],
  ['headgate-percent', '0.5%', 0.5],
  ['headgate-percent', '100%', 100],
  ['headgate-rate', '100/min', { count: 100, periodMs: 60_000 }],
  ['headgate-address', '0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
  ['headgate-address', '[::1]:0', { host: '::1', port: 0 }],
  ['headgate-upstream-url', 'HTTP://Example.com:80/', 'http://example.com'],
  ['headgate-dns-name', 'users.internal', { name: 'users.internal', port: 80 }],
  ['headgate-dns-name', '_http._tcp.users.internal', { name: '_http._tcp.users.internal', port: undefined }],
  ['headgate-host-pattern', '*.Example.COM', '*.example.com'],
  ['headgate-header-name', 'X-Tenant', 'x-tenant'],
  ['headgate-path-pattern', '/*', { segments: [], prefix: true, trailingSlash: false }],
  ['headgate-path-pattern', '/', { segments: [], prefix: false, trailingSlash: false }],
  ['headgate-path-pattern', '/a/{b}/', { segments: [{ literal: 'a' }, { param: 'b' }], prefix: false, trailingSlash: true }],
] as const)('%s reads %s', (name, text, value) => {
  expect(valueFormats[name].parse(text)).toEqual({ ok: true, value })
})

test.each([
  ['headgate-rate', '100 per minute', 'Write `100/minute`.'],
  ['headgate-rate', '10rps', 'Write one such as `100/min` or `10/s`.'],
  ['headgate-percent', '101%', undefined],
  ['headgate-address', '::1:8080', 'Write `[::1]:8080`.'],
  ['headgate-cidr', '10.0.0.0/33', undefined],
  ['headgate-cidr', 'fe80::1%eth0', 'Write one such as `10.0.0.0/8` or `::1`.'],
  ['headgate-path-pattern', '/a%2e%2E/b', undefined],
  ['headgate-path-pattern', '/a\\b', 'Write `/a%5Cb`.'],
  ['headgate-location', 'https://user@example.com/', 'Write the host out.'],
] as const)('%s refuses %s', (name, text, hint) => {
  const result = valueFormats[name].parse(text)
  expect(result).toMatchObject(hint === undefined ? { ok: false } : { ok: false, hint })
})
