import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { raw } from '../kit/raw.ts'
import type { RawAnswer } from '../kit/raw.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../kit/upstream.ts'

let upstream: TestUpstream
let evil: TestUpstream
let gateway: TestGateway
let before = 0

beforeAll(async () => {
  upstream = await startUpstream()
  evil = await startUpstream()
  gateway = await startGateway(`
services: { all: { urls: ["${upstream.url}"] } }
routing_rules:
  - { path: /admin/*, respond: { status: 403, body: denied } }
  - { path: /api/metrics, respond: { status: 403, body: denied } }
  - { path: /secure/open, service: all }
  - { path: /secure/*, respond: { status: 401, body: denied } }
  - { path: /api/*, service: all, strip_prefix: /api }
  - { path: "/users/{id}/orders/{order}", service: all }
  - { path: /*, service: all }
`)
})

beforeEach(() => {
  before = upstream.seen.length
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
  await evil.close()
})

const seen = (): readonly SeenRequest[] => upstream.seen.slice(before)
const target = (url: string, host = 'a'): Promise<RawAnswer> => raw(gateway.port, `GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

describe('a path that is denied stays denied however it is spelt', () => {
  test.each([
    '//admin',
    '///admin//secret',
    '/./admin',
    '/public/../admin',
    '/public/./.././admin/secret',
    '/%61dmin',
    '/%61%64%6d%69%6e/secret',
    '/public/..//admin',
    '/admin/',
    '/admin/.',
    '/admin/x/..',
    '/public/../../admin',
    '/public%2F..%2Fadmin',
    '/public%2f..%2fadmin',
    '/public/..%2fadmin/secret',
    '/public/..%2Fadmin',
    '/public/%2E%2E/admin',
    '/public/%2e%2e/admin',
    '/public/%2e./admin',
    '/public/.%2E/admin',
    '/public/..%5Cadmin',
    '/%5Cadmin',
    '/\\admin',
    '/public\\..\\admin',
    '/public/..;/admin',
    '/public/..;v=1/admin',
    '/.;/admin',
    '/admin%2Fsecret',
    '/%2Fadmin',
    '/api%2f..%2fadmin',
    '/api/../admin',
    '/api/%2e%2e/metrics',
    '/api/x/../metrics',
    '/api//metrics',
    '/secure/../secure/x',
    '/secure/open/../x',
    '/secure/open/%2e%2e/x',
    '/secure/open%2f..%2fx',
    '/secure//x',
    '/admin%00',
    '/%00/../admin',
    '/admin%0d%0a',
  ])('%s', async (url) => {
    const answer = await target(url)
    expect([400, 401, 403]).toContain(answer.status)
    expect(seen()).toEqual([])
  })

  test('and the open path beside it stays open, as one canonical path', async () => {
    expect((await target('/secure/x/../open')).status).toBe(200)
    expect(seen().map(({ url }) => url)).toEqual(['/secure/open'])
  })
})

describe('what goes upstream is the path that was matched', () => {
  test.each([
    ['/a//b', '/a/b'],
    ['/a/./b/../c', '/a/c'],
    ['/%7Euser/%41', '/~user/A'],
    ['/a%20b/%c3%a4', '/a%20b/%C3%A4'],
    ['/a/b/..', '/a/'],
    ['/%2525', '/%2525'],
    ['/a?x=/../y&z=%2e%2e//', '/a?x=/../y&z=%2e%2e//'],
    ['/?', '/?'],
    ['/api/x//y', '/x/y'],
    ['/api', '/'],
    ['/api/a/../b', '/b'],
    ['/apiary', '/apiary'],
    ['/users/%31/orders/2', '/users/1/orders/2'],
  ])('%s arrives as %s', async (url, path) => {
    expect((await target(url)).status).toBe(200)
    expect(seen().map((request) => request.url)).toEqual([path])
  })

  test.each(['/hi/ho/%2E%2E/hi', '/hi/%2e.', '/hi/.%2E/x', '/%', '/%4', '/%zz', '/a%', '/..', '/../..', '/a/../../b'])(
    '%s is refused with 400',
    async (url) => {
      expect((await target(url)).status).toBe(400)
      expect(seen()).toEqual([])
    },
  )
})

describe('a request cannot choose the server it goes to', () => {
  test.each([
    ['two slashes before a host', (port: number) => `//127.0.0.1:${port}/x`, '/127.0.0.1:PORT/x'],
    ['an absolute target', (port: number) => `http://127.0.0.1:${port}/x`, '/x'],
    ['an absolute target without a path', (port: number) => `http://127.0.0.1:${port}`, '/'],
    ['an absolute target with only a query', (port: number) => `http://127.0.0.1:${port}?q`, '/?q'],
    ['an absolute target in capitals', (port: number) => `HTTP://127.0.0.1:${port}/x`, '/x'],
    ['a host in the path', (port: number) => `/@127.0.0.1:${port}/x`, '/@127.0.0.1:PORT/x'],
    ['a user before the path', (port: number) => `/x@127.0.0.1:${port}`, '/x@127.0.0.1:PORT'],
  ])('%s stays on the configured upstream', async (_, url, path) => {
    expect((await target(url(evil.port))).status).toBe(200)
    expect(seen().map((request) => request.url)).toEqual([path.replace('PORT', String(evil.port))])
    expect(seen()[0]?.headers.host).toBe(`127.0.0.1:${upstream.port}`)
    expect(evil.seen).toEqual([])
  })

  test('the authority of an absolute target replaces `Host` for everything that looks at hosts', async () => {
    await raw(gateway.port, 'GET http://inside.example/x HTTP/1.1\r\nHost: outside.example\r\n\r\n')
    expect(seen()[0]?.headers).toMatchObject({ 'x-forwarded-host': 'inside.example', forwarded: 'for=127.0.0.1;host=inside.example;proto=http' })
  })

  test.each(['ftp://a/x', 'http:/x', 'x', 'admin', '*', 'http://user:pw@a/x', 'http://a@b/x', 'http:///x', 'javascript:x'])(
    'target %s is refused with 400',
    async (url) => {
      expect((await target(url)).status).toBe(400)
      expect(seen()).toEqual([])
    },
  )
})

describe('a target that holds what no target may hold', () => {
  test.each([
    ['a fragment', '/admin#.png'],
    ['a fragment behind the query', '/a?b#c'],
    ['an empty fragment', '/a#'],
    ['a bracket', '/a[b'],
    ['brackets', '/a[0]'],
    ['a brace', '/a{b'],
    ['a quote', '/a"b'],
    ['a backslash', '/a\\b'],
    ['a pipe', '/a|b'],
    ['a caret', '/a^b'],
    ['bytes above ASCII', '/\xc3\xa4'],
    ['bytes above ASCII in the query', '/a?\xc3\xa4'],
    ['an overlong encoding of a slash, raw', '/\xc0\xaf'],
    ['a NUL', '/a\0b'],
    ['a tab', '/a\tb'],
    ['an encoded NUL', '/a%00b'],
    ['an encoded line break', '/a%0d%0aX:%20y'],
    ['an encoded delete', '/%7f'],
  ])('%s is refused with 400', async (_, url) => {
    expect((await target(url)).status).toBe(400)
    expect(seen()).toEqual([])
  })

  test.each(['/a(b', '/a(b)+', '/a*', '/(((((((((', '/a+b', `/${'('.repeat(8000)}`, `/${'a/'.repeat(7000)}`, `/${'%41'.repeat(5000)}`])(
    'signs that mean something to patterns are only characters: %s',
    async (url) => {
      expect((await target(url)).status).toBe(200)
    },
  )

  test('a target of 64 KiB is refused with 431 or 400, and the process lives', async () => {
    for (const sign of ['a', '[', '(', '\\', '%2e', '../', '//']) {
      const answer = await target(`/${sign.repeat(Math.ceil(65_536 / sign.length))}`)
      expect([400, 431]).toContain(answer.status)
    }
    expect((await target('/after')).status).toBe(200)
  })
})

describe('a host that is none', () => {
  const hosts = [
    'a b',
    'a@b',
    'x:99999',
    'x:-1',
    'x:80:80',
    'a/b',
    'a?b',
    'a#b',
    'a,b',
    '[::1',
    '::1',
    'a%41',
    '..',
    '.',
    'a..b',
    '\xe4',
    'a\\b',
    '<a>',
    'x:',
    ':80',
  ]

  test.each(hosts)('`Host: %s` is refused with 400', async (host) => {
    expect((await target('/x', host)).status).toBe(400)
    expect(seen()).toEqual([])
  })

  test.each([
    ['no host', 'GET /x HTTP/1.1\r\n\r\n'],
    ['an empty host', 'GET /x HTTP/1.1\r\nHost:\r\n\r\n'],
    ['two hosts', 'GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['two equal hosts', 'GET /x HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n'],
    ['two hosts beside an absolute target', 'GET http://a/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ])('%s is refused with 400', async (_, request) => {
    expect((await raw(gateway.port, request)).status).toBe(400)
    expect(seen()).toEqual([])
  })

  test.each(['a', 'A.Example.', 'a_b.example', '127.0.0.1:8080', '[::1]', '[::1]:443', 'x:65535'])('`Host: %s` is a host', async (host) => {
    expect((await target('/x', host)).status).toBe(200)
    expect(seen()[0]?.headers['x-forwarded-host']).toBe(host)
  })

  test('HTTP/1.0 clients may leave it out', async () => {
    const answer = await raw(gateway.port, 'GET /x HTTP/1.0\r\n\r\n', { untilClosed: true })
    expect(answer.status).toBe(200)
    expect(seen()[0]?.headers).not.toHaveProperty('x-forwarded-host')
    expect(seen()[0]?.headers.forwarded).toBe('for=127.0.0.1;proto=http')
  })
})

test('two Authorization headers are refused, because servers differ in which one they read', async () => {
  const two = await raw(gateway.port, 'GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n')
  expect(two.status).toBe(400)
  expect(seen()).toEqual([])
})

test('rules whose service and path read the same when joined keep to their own upstreams and breakers', async () => {
  const joined = await startGateway(`
services:
  a: { urls: ["${upstream.url}"] }
  a/1: { urls: ["${evil.url}"] }
routing_rules:
  - { path: /1/private, service: a, retries: 1, circuit_breaker: { threshold: 50% } }
  - { path: /private, service: a/1, retries: 1, circuit_breaker: { threshold: 50% } }
`)
  try {
    await raw(joined.port, 'GET /private HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(evil.seen.map(({ url }) => url)).toEqual(['/private'])
    expect(seen()).toEqual([])
    await raw(joined.port, 'GET /1/private HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(evil.seen).toHaveLength(1)
    expect(seen().map(({ url }) => url)).toEqual(['/1/private'])
    expect(
      joined.runtime
        .status()
        .breakers.map(({ service }) => service)
        .sort(),
    ).toEqual(['a', 'a/1'])
  } finally {
    await joined.close()
  }
})
