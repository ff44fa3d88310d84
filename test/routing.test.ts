import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from './kit/gateway.ts'
import type { TestGateway } from './kit/gateway.ts'
import { raw } from './kit/raw.ts'
import type { RawAnswer } from './kit/raw.ts'
import { startUpstream } from './kit/upstream.ts'
import type { SeenRequest, TestUpstream } from './kit/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway
let before = 0

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway(`
services:
  users: { urls: ["${upstream.url}"] }
  kept: { urls: ["${upstream.url}"], host_header: client }
routing_rules:
  - { path: /, respond: { body: root } }
  - { path: /users, methods: [GET], service: users }
  - { path: /users, methods: [POST], respond: { status: 201, json: { made: true } } }
  - { path: "/users/{id}", methods: [GET, PUT], service: users }
  - { path: /users/me, respond: { body: me } }
  - { path: /files/, respond: { body: folder } }
  - { path: /host, respond: { body: everyone } }
  - { path: /host, hosts: [api.example.com], respond: { body: exact } }
  - { path: /host, hosts: ["*.example.com"], respond: { body: wildcard } }
  - { path: /beta, respond: { body: stable } }
  - { path: /beta, headers: { x-beta: "*" }, respond: { body: some } }
  - { path: /beta, headers: { X-Beta: "yes", x-two: "2" }, respond: { body: both } }
  - { path: /search, query: { q: "*" }, respond: { body: found } }
  - { path: /search, query: { q: "*", page: "2" }, respond: { body: second } }
  - { path: /strip/*, service: users, strip_prefix: /strip }
  - { path: "/people/{id}/*", service: users, rewrite: "/v2/users/{id}{rest}" }
  - { path: /kept, service: kept }
  - path: /edited
    service: users
    request_headers: { set: { x-tenant: one, User-Agent: gateway }, add: { x-list: c }, remove: [Cookie, x-forwarded-for] }
    response_headers: { set: { Server: hidden, cache-control: no-store }, add: { Set-Cookie: a=b }, remove: [content-type] }
  - path: /fixed
    respond: { status: 418, headers: { X-Kind: teapot, content-type: text/html }, body: "<p>tea</p>" }
    response_headers: { set: { x-edit: "1" } }
  - { path: /empty, respond: { status: 204 } }
  - { path: /old/*, redirect: { to: "https://new.example.com/{rest}", status: 301 } }
  - { path: "/item/{id}", redirect: { to: "/items/{id}?from=old" } }
  - { path: /moved, redirect: { to: /here } }
`)
})

beforeEach(() => {
  before = upstream.seen.length
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const seen = (): readonly SeenRequest[] => upstream.seen.slice(before)
const ask = (line: string, ...headers: readonly string[]): Promise<RawAnswer> =>
  raw(gateway.port, [`${line} HTTP/1.1`, 'Host: a', ...headers, '', ''].join('\r\n'))
const header = (answer: RawAnswer, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'im').exec(answer.head)?.[1]?.trim()

describe('a rule', () => {
  test.each([
    ['GET /', 200, 'root'],
    ['GET /users/me', 200, 'me'],
    ['POST /users', 201, '{"made":true}'],
    ['GET /files/', 200, 'folder'],
  ])('%s answers %i %s', async (line, status, body) => {
    expect(await ask(line, 'Content-Length: 0')).toMatchObject({ status, body })
  })

  test.each(['GET /files', 'GET /users/', 'GET /users/1/', 'GET /usersx', 'GET /Users', 'GET /x', 'OPTIONS /x'])(
    '%s matches none: 404 as a problem document',
    async (line) => {
      const answer = await ask(line)
      expect(answer.status).toBe(404)
      expect(header(answer, 'content-type')).toBe('application/problem+json')
      expect(JSON.parse(answer.body)).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND', trace_id: header(answer, 'x-trace-id') })
      expect(seen()).toEqual([])
    },
  )

  test.each([
    ['DELETE /users', 'GET, HEAD, POST'],
    ['OPTIONS /users', 'GET, HEAD, POST'],
    ['POST /users/1', 'GET, HEAD, PUT'],
    ['PROPFIND /users/1', 'GET, HEAD, PUT'],
  ])('%s names another method: 405 with Allow %s', async (line, allow) => {
    const answer = await ask(line, 'Content-Length: 0')
    expect(answer.status).toBe(405)
    expect(header(answer, 'allow')).toBe(allow)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' })
  })

  test('for GET takes HEAD, whose answer has the headers alone', async () => {
    const head = await raw(gateway.port, 'HEAD /users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', { untilClosed: true })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(header(head, 'content-type')).toBe('application/json')
    expect(seen().map(({ method }) => method)).toEqual(['HEAD'])
    const fixed = await raw(gateway.port, 'HEAD /users/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', { untilClosed: true })
    expect(fixed).toMatchObject({ status: 200, body: '' })
    expect(header(fixed, 'content-length')).toBe('2')
  })

  test('without methods takes OPTIONS like any other', async () => {
    expect(await ask('OPTIONS /strip/x')).toMatchObject({ status: 200 })
    expect(seen().map(({ method }) => method)).toEqual(['OPTIONS'])
  })

  test.each([
    ['api.example.com', 'exact'],
    ['API.Example.Com:8080', 'exact'],
    ['api.example.com.', 'exact'],
    ['www.example.com', 'wildcard'],
    ['a.b.example.com', 'wildcard'],
    ['example.com', 'everyone'],
    ['api.example.com.evil', 'everyone'],
  ])('is chosen by host: %s is %s', async (host, body) => {
    expect(await raw(gateway.port, `GET /host HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toMatchObject({ status: 200, body })
  })

  test.each([
    [[], 'stable'],
    [['X-BETA: no'], 'some'],
    [['x-beta: yes'], 'some'],
    [['x-beta: yes', 'X-Two: 2'], 'both'],
    [['x-beta: yes', 'X-Two: 2', 'x-two: 3'], 'some'],
  ])('is chosen by headers: %j is %s', async (headers, body) => {
    expect(await ask('GET /beta', ...headers)).toMatchObject({ status: 200, body })
  })

  test.each([
    ['/search?q=1', 200, 'found'],
    ['/search?page=2&q=', 200, 'second'],
    ['/search?q=1&page=2&page=3', 200, 'second'],
    ['/search?q=1&page=3&page=2', 200, 'found'],
    ['/search?%71=1', 200, 'found'],
    ['/search', 404, undefined],
  ])('is chosen by query: %s is %i %s', async (url, status, body) => {
    const answer = await ask(`GET ${url}`)
    expect(answer.status).toBe(status)
    if (body !== undefined) expect(answer.body).toBe(body)
  })
})

describe('the path upstream', () => {
  test.each([
    ['/strip/a/b?c=d', '/a/b?c=d'],
    ['/strip', '/'],
    ['/strip/', '/'],
    ['/people/7/orders/9?x=1', '/v2/users/7/orders/9?x=1'],
    ['/people/7', '/v2/users/7'],
    ['/people/a%20b/', '/v2/users/a%20b/'],
    ['/users/7?raw=%2F..%2f', '/users/7?raw=%2F..%2f'],
  ])('of %s is %s', async (from, to) => {
    expect((await ask(`GET ${from}`)).status).toBe(200)
    expect(seen().map(({ url }) => url)).toEqual([to])
  })

  test('is told with the prefix that was taken away', async () => {
    await ask('GET /strip/x')
    expect(seen()[0]?.headers).toMatchObject({ 'x-forwarded-prefix': '/strip', host: `127.0.0.1:${upstream.port}`, 'x-forwarded-host': 'a' })
  })

  test('goes with the host of the client where the service wants it', async () => {
    await raw(gateway.port, 'GET /kept HTTP/1.1\r\nHost: Shop.Example.com:8443\r\n\r\n')
    expect(seen()[0]?.headers.host).toBe('Shop.Example.com:8443')
  })
})

describe('header edits', () => {
  test('reach the service: set replaces, add stands beside, remove takes away', async () => {
    await ask('GET /edited', 'X-Tenant: evil', 'User-Agent: curl', 'X-List: a', 'x-list: b', 'COOKIE: s=1')
    const { headers = {} } = seen()[0] ?? {}
    expect(headers).toMatchObject({ 'x-tenant': 'one', 'user-agent': 'gateway', 'x-list': 'a, b, c' })
    expect(headers).not.toHaveProperty('cookie')
    expect(headers).not.toHaveProperty('x-forwarded-for')
    expect(headers.host).toBe(`127.0.0.1:${upstream.port}`)
  })

  test('reach the client', async () => {
    const answer = await ask('GET /edited')
    expect(header(answer, 'server')).toBe('hidden')
    expect(header(answer, 'cache-control')).toBe('no-store')
    expect(header(answer, 'set-cookie')).toBe('a=b')
    expect(header(answer, 'content-type')).toBeUndefined()
  })

  test('apply to fixed answers too', async () => {
    const answer = await ask('GET /fixed')
    expect(answer).toMatchObject({ status: 418, body: '<p>tea</p>' })
    expect([header(answer, 'x-kind'), header(answer, 'content-type'), header(answer, 'x-edit'), header(answer, 'content-length')]).toEqual([
      'teapot',
      'text/html',
      '1',
      '10',
    ])
  })

  test('204 has no body and no length', async () => {
    const answer = await ask('GET /empty')
    expect(answer).toMatchObject({ status: 204, body: '' })
    expect(header(answer, 'content-length')).toBeUndefined()
  })
})

describe('a redirect', () => {
  test.each([
    ['/old/a/b?c=d', 301, 'https://new.example.com/a/b?c=d'],
    ['/old', 301, 'https://new.example.com/'],
    ['/old//evil.example', 301, 'https://new.example.com/evil.example'],
    ['/item/7?x=1', 308, '/items/7?from=old'],
    ['/item/%0d', 400, undefined],
    ['/moved', 308, '/here'],
    ['/moved?a=b', 308, '/here?a=b'],
  ])('of %s is %i to %s', async (from, status, location) => {
    const answer = await ask(`GET ${from}`)
    expect(answer.status).toBe(status)
    expect(header(answer, 'location')).toBe(location)
  })
})

describe('trace headers', () => {
  const parent = { trace: 'a'.repeat(31) + '1', span: 'b'.repeat(15) + '2' }

  test('are made where none came, and say the same to the service, the log and the client of a problem', async () => {
    const from = gateway.entries.length
    await ask('GET /users')
    const { headers = {} } = seen()[0] ?? {}
    const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(String(headers['traceparent'])) ?? []
    expect(headers).toMatchObject({ 'x-trace-id': traceId, 'x-span-id': spanId, 'x-sampled': 'true' })
    expect(headers).not.toHaveProperty('x-parent-span-id')
    expect(flags).toBe('01')
    expect(gateway.entries[from]?.trace).toMatchObject({ traceId, spanId, sampled: true })
  })

  test('are continued from W3C trace context', async () => {
    await ask(
      'GET /users',
      `traceparent: 00-${parent.trace}-${parent.span}-00`,
      'tracestate: vendor=1',
      'x-trace-id: ffffffffffffffffffffffffffffffff',
    )
    const { headers = {} } = seen()[0] ?? {}
    expect(headers['traceparent']).toMatch(new RegExp(`^00-${parent.trace}-(?!${parent.span})[0-9a-f]{16}-00$`))
    expect(headers).toMatchObject({ tracestate: 'vendor=1', 'x-trace-id': parent.trace, 'x-parent-span-id': parent.span, 'x-sampled': 'false' })
  })

  test('are continued from the own headers', async () => {
    await ask('GET /users', `X-Trace-Id: ${parent.trace}`, `X-Span-Id: ${parent.span}`, 'X-Sampled: false')
    const { headers = {} } = seen()[0] ?? {}
    expect(headers['traceparent']).toMatch(new RegExp(`^00-${parent.trace}-[0-9a-f]{16}-00$`))
    expect(headers).toMatchObject({ 'x-trace-id': parent.trace, 'x-parent-span-id': parent.span, 'x-sampled': 'false' })
  })

  test('come back with every problem', async () => {
    const answer = await ask('GET /nowhere', `traceparent: 00-${parent.trace}-${parent.span}-01`)
    expect(header(answer, 'x-trace-id')).toBe(parent.trace)
    expect(JSON.parse(answer.body)).toMatchObject({ trace_id: parent.trace })
  })
})
