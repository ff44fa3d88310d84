import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hostName, requestTarget } from './request-target.ts'

describe('a request target', () => {
  test.each([
    ['/', { path: '/', query: '', authority: undefined }],
    ['/a?b=c', { path: '/a', query: '?b=c', authority: undefined }],
    ['/a?', { path: '/a', query: '?', authority: undefined }],
    ['/a?b?c=/../', { path: '/a', query: '?b?c=/../', authority: undefined }],
    ['//evil.example/x', { path: '/evil.example/x', query: '', authority: undefined }],
    ['http://a:80/x?y', { path: '/x', query: '?y', authority: 'a:80' }],
    ['HTTPS://A/x', { path: '/x', query: '', authority: 'A' }],
    ['http://a', { path: '/', query: '', authority: 'a' }],
    ['http://a?q', { path: '/', query: '?q', authority: 'a' }],
    ['http://a/b/../../c', undefined],
    ['*', undefined],
    ['a', undefined],
    ['ftp://a/', undefined],
    ['/a#b', undefined],
    ['/a?b#c', undefined],
    ['/a?b c', undefined],
    ['/a?\x7f', undefined],
    ['/a?\xe4', undefined],
    ['', undefined],
  ])('%s', (url, target) => {
    const result = requestTarget(url)
    if (target === undefined) expect(result).toHaveProperty('problem')
    else expect(result).toEqual(target)
  })

  test('keeps its query byte for byte, and has a path that starts with one slash', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
        const result = requestTarget(`/${path}?${query}`)
        fc.pre(!('problem' in result))
        expect(result.query).toBe(`?${query}`)
        expect(result.path).toMatch(/^\/(?!\/)/)
      }),
    )
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (url) => typeof requestTarget(url) === 'object'))
  })
})

describe('a host name', () => {
  test.each([
    ['a', 'a'],
    ['A.Example.COM', 'a.example.com'],
    ['a.example.', 'a.example'],
    ['a:80', 'a'],
    ['a.:80', 'a'],
    ['127.0.0.1:8080', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:443', '[2001:db8::1]'],
    ['a_b', 'a_b'],
    ['a:65535', 'a'],
  ])('of %s is %s', (authority, host) => {
    expect(hostName(authority)).toBe(host)
  })

  test.each([
    '',
    ' ',
    'a b',
    'a@b',
    'a:',
    'a:99999',
    'a:65536',
    'a:-1',
    'a:1:2',
    ':80',
    '[::1',
    '::1]',
    '[::1]x',
    '.',
    '..',
    'a..b',
    '.a',
    'a/b',
    'a,b',
    'a%41',
    '\xe4',
  ])('is not in %j', (authority) => {
    expect(hostName(authority)).toBeUndefined()
  })

  test('is found in 50 KiB in time that grows with the length alone', () => {
    const startedAt = performance.now()
    for (const unit of ['a', 'a.', 'a-', '.', '1', ':', '[']) hostName(`${unit.repeat(51_200 / unit.length)}!`)
    expect(performance.now() - startedAt).toBeLessThan(200)
  })
})
