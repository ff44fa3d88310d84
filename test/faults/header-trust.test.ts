import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { accessLine } from '../../gateway/observe/access-line.ts'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { raw } from '../kit/raw.ts'
import type { RawAnswer } from '../kit/raw.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../kit/upstream.ts'

const config = (url: string, trusted: string): string => `
listeners: { main: { address: "127.0.0.1:0", trusted_proxies: [${trusted}] } }
services: { all: { urls: ["${url}"] } }
routing_rules:
  - { path: /*, service: all }
  - { path: /stripped/*, service: all, strip_prefix: /stripped }
`

let upstream: TestUpstream
/** Trusts nobody. */
let gateway: TestGateway
/** Trusts its peer and one more proxy. */
let inner: TestGateway
let before = 0

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway(config(upstream.url, ''))
  inner = await startGateway(config(upstream.url, '"127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"'))
})

beforeEach(() => {
  before = upstream.seen.length
})

afterAll(async () => {
  await gateway.close()
  await inner.close()
  await upstream.close()
})

const seen = (): readonly SeenRequest[] => upstream.seen.slice(before)

const get = (to: TestGateway, path: string, ...headers: readonly string[]): Promise<RawAnswer> =>
  raw(to.port, [`GET ${path} HTTP/1.1`, 'Host: api.example.com', ...headers, '', ''].join('\r\n'))

describe('`Connection` cannot take away what the gateway states', () => {
  test('the own headers are added after the hop-by-hop ones have gone', async () => {
    const nominated =
      'Connection: close, X-Forwarded-For, X-Forwarded-Host, Forwarded, X-User-Id, Authorization, traceparent, x-trace-id, Via, Host, Content-Length'
    await get(gateway, '/x', nominated, 'X-Forwarded-For: 6.6.6.6', 'X-User-Id: admin', 'Authorization: Bearer x')
    const { headers = {} } = seen()[0] ?? {}
    expect(headers).toMatchObject({
      host: `127.0.0.1:${upstream.port}`,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'api.example.com',
      forwarded: 'for=127.0.0.1;host=api.example.com;proto=http',
      via: '1.1 headgate',
    })
    expect(headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(headers['x-trace-id']).toMatch(/^[0-9a-f]{32}$/)
    expect(headers).not.toHaveProperty('x-user-id')
    expect(headers).not.toHaveProperty('authorization')
  })

  test('nominations count whatever their letters, and in several headers', async () => {
    await get(gateway, '/x', 'Connection: X-One', 'connection: keep-alive,\tx-TWO', 'x-one: 1', 'X-Two: 2', 'X-Three: 3')
    const { headers = {} } = seen()[0] ?? {}
    expect(headers).not.toHaveProperty('x-one')
    expect(headers).not.toHaveProperty('x-two')
    expect(headers).toMatchObject({ 'x-three': '3' })
  })

  test('a body keeps its length when `Content-Length` is nominated', async () => {
    const request =
      'POST /x HTTP/1.1\r\nHost: a\r\nConnection: Content-Length, Content-Type\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello'
    expect((await raw(gateway.port, request)).status).toBe(200)
    expect(seen()[0]).toMatchObject({ body: 'hello', headers: { 'content-length': '5', 'content-type': 'text/plain' } })
  })

  test('hop-by-hop headers end at the gateway', async () => {
    const hop = [
      'Keep-Alive: timeout=9',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic x',
      'TE: trailers',
      'Trailer: X',
      'Proxy-Authenticate: x',
    ]
    await get(gateway, '/x', ...hop)
    const names = Object.keys(seen()[0]?.headers ?? {})
    for (const header of hop) expect(names).not.toContain(header.slice(0, header.indexOf(':')).toLowerCase())
  })
})

describe('from a peer that is not trusted', () => {
  test('no statement about where a request came from gets through, however it is spelt', async () => {
    await get(
      gateway,
      '/x',
      'X-Forwarded-For: 1.2.3.4',
      'x-forwarded-for: 5.6.7.8',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil',
      'X-Forwarded-Port: 1',
      'X-Forwarded-Prefix: /admin',
      'X-Forwarded-Anything: 1',
      'Forwarded: for=1.2.3.4;proto=https',
      'X-Real-IP: 1.2.3.4',
      'X-Original-URL: /admin',
      'X-Rewrite-URL: /admin',
    )
    expect(seen()[0]?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'api.example.com',
      forwarded: 'for=127.0.0.1;host=api.example.com;proto=http',
    })
    const names = Object.keys(seen()[0]?.headers ?? {})
    for (const name of ['x-forwarded-port', 'x-forwarded-prefix', 'x-forwarded-anything', 'x-real-ip', 'x-original-url', 'x-rewrite-url'])
      expect(names).not.toContain(name)
    expect(seen()[0]?.rawHeaders.filter((name) => name.toLowerCase() === 'x-forwarded-for')).toHaveLength(1)
  })

  test('names with an underscore, which some servers read as a hyphen, are dropped', async () => {
    await get(gateway, '/x', 'X_Forwarded_For: 1.2.3.4', 'x_user_id: admin', 'X-User_Id: admin', 'Content_Length: 3', 'Host_: a')
    const names = Object.keys(seen()[0]?.headers ?? {})
    expect(names.filter((name) => name.includes('_'))).toEqual([])
  })

  test('a thousand invented addresses are one client', async () => {
    const from = gateway.entries.length
    const requests = Array.from(
      { length: 1000 },
      (_, index) =>
        `GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.${index % 7}.${index % 251}.${index % 13}\r\nForwarded: for=10.0.0.${index % 255}\r\n\r\n`,
    )
    await raw(gateway.port, requests.join(''), { answers: 1000, waitMs: 10_000 })
    await until('all are logged', () => gateway.entries.length >= from + 1000)
    expect(new Set(gateway.entries.slice(from).map(({ client }) => client))).toEqual(new Set(['127.0.0.1']))
    expect(new Set(seen().map(({ headers }) => headers['x-forwarded-for']))).toEqual(new Set(['127.0.0.1']))
  })
})

describe('from a trusted proxy', () => {
  test('what it states is continued', async () => {
    await get(
      inner,
      '/x',
      'X-Forwarded-For: 203.0.113.9',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: www.example.com',
      'Forwarded: for=203.0.113.9;proto=https',
    )
    expect(seen()[0]?.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'www.example.com',
      forwarded: 'for=203.0.113.9;proto=https, for=127.0.0.1;host=api.example.com;proto=http',
    })
  })

  test.each([
    ['one address', '203.0.113.9', '203.0.113.9'],
    ['an address that its client invented before', '6.6.6.6, 203.0.113.9', '203.0.113.9'],
    ['a chain of trusted proxies', '6.6.6.6, 203.0.113.9, 10.1.1.1, 10.2.2.2', '203.0.113.9'],
    ['only trusted proxies', '10.1.1.1, 10.2.2.2', '10.1.1.1'],
    ['IPv6', '2001:db9::1, 2001:db8::1', '2001:db9::1'],
    ['IPv4 written as IPv6', '::ffff:203.0.113.9', '203.0.113.9'],
    ['junk', 'unknown', '127.0.0.1'],
    ['junk behind which nothing can be believed', '6.6.6.6, <script>, 10.1.1.1', '10.1.1.1'],
    ['an address with a port', '203.0.113.9:80', '127.0.0.1'],
    ['nothing', '', '127.0.0.1'],
  ])('the client of the log is the nearest one that no trusted proxy is: %s', async (_, header, client) => {
    const from = inner.entries.length
    await get(inner, '/x', `X-Forwarded-For: ${header}`)
    await until('it is logged', () => inner.entries.length > from)
    expect(inner.entries.at(-1)?.client).toBe(client)
  })

  test('a protocol that is none is not passed on', async () => {
    await get(inner, '/x', 'X-Forwarded-Proto: javascript')
    expect(seen()[0]?.headers['x-forwarded-proto']).toBe('http')
  })

  test('a prefix is stated by the gateway alone', async () => {
    await get(inner, '/stripped/x', 'X-Forwarded-Prefix: /admin')
    expect(seen()[0]).toMatchObject({ url: '/x', headers: { 'x-forwarded-prefix': '/stripped' } })
  })
})

describe('headers that could steer the gateway', () => {
  test('a prefix that a client invents is replaced where one is stripped', async () => {
    await get(gateway, '/stripped/x', 'X-Forwarded-Prefix: /admin', 'x-forwarded-prefix: /evil')
    expect(seen()[0]?.rawHeaders.filter((_, index, all) => all[index - 1]?.toLowerCase() === 'x-forwarded-prefix')).toEqual(['/stripped'])
  })

  test('no client header changes timeouts, retries or the method', async () => {
    await get(gateway, '/x', 'x-gateway-retries: 99', 'x-envoy-max-retries: 9', 'x-envoy-upstream-rq-timeout-ms: 1', 'X-HTTP-Method-Override: DELETE')
    expect(seen()).toHaveLength(1)
    expect(seen()[0]?.method).toBe('GET')
  })

  test.each([
    ['a sampling decision that is none', 'x-sampled: maybe', 'x-sampled', /^true$/],
    ['a trace id that is none', 'x-trace-id: {"level":"x"}', 'x-trace-id', /^[0-9a-f]{32}$/],
    ['a trace id of zeros', `x-trace-id: ${'0'.repeat(32)}`, 'x-trace-id', /^(?!0{32})[0-9a-f]{32}$/],
    ['a span id that is none', 'x-span-id: ../../etc', 'x-span-id', /^[0-9a-f]{16}$/],
    ['a traceparent that is none', 'traceparent: 00-xyz', 'traceparent', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/],
    [
      'two traceparents',
      `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-00\r\ntraceparent: 00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`,
      'traceparent',
      /^00-(?!a{32}|c{32})[0-9a-f]{32}-/,
    ],
  ])('%s is replaced', async (_, header, name, pattern) => {
    await get(gateway, '/x', header)
    expect(seen()[0]?.rawHeaders.filter((text) => text.toLowerCase() === name)).toHaveLength(1)
    expect(seen()[0]?.headers[name]).toMatch(pattern)
  })

  test('a line break in a request id ends the header, and what follows it is checked like any other', async () => {
    const answer = await get(gateway, '/x', 'x-request-id: a\r\nX_User_Id: admin\r\nX-Forwarded-For: 1.2.3.4')
    expect(answer.status).toBe(200)
    expect(seen()[0]?.headers).toMatchObject({ 'x-request-id': 'a', 'x-forwarded-for': '127.0.0.1' })
    expect((await get(gateway, '/x', 'x-request-id: a\rx: y')).status).toBe(400)
    expect((await get(gateway, '/x', 'x-request-id: a\nx: y')).status).toBe(400)
  })
})

describe('what clients send into the log', () => {
  test.each([
    ['a forged JSON line', 'a"}\\n{"level":"info"'],
    ['quotes and backslashes', '\\" \\\\ "'],
    ['bytes above ASCII, C1 controls included', '\x9b31m\xff\xa0'],
  ])('%s in the user agent stays inside one line of ASCII', async (_, agent) => {
    const from = gateway.entries.length
    expect((await get(gateway, '/x', `User-Agent: ${agent}`)).status).toBe(200)
    await until('it is logged', () => gateway.entries.length > from)
    const entry = gateway.entries.at(-1)
    if (entry === undefined) throw new Error('nothing was logged')
    const line = accessLine(entry, 0, true)
    expect(line).toMatch(/^[\x20-\x7e]+\n$/)
    expect(JSON.parse(line)).toMatchObject({ user_agent: agent, status: 200 })
  })

  test.each(['\n{"level":"info"}', '\x1b[2J', 'a\rb'])('what would break a line or a terminal never gets in: %j', async (agent) => {
    expect((await get(gateway, '/x', `User-Agent: a${agent}`)).status).toBe(400)
    expect(seen()).toEqual([])
  })

  test('a path that was refused is logged on one line of ASCII too', async () => {
    const from = gateway.entries.length
    expect((await get(gateway, '/%zz\\"x')).status).toBe(400)
    await until('it is logged', () => gateway.entries.length > from)
    const entry = gateway.entries.at(-1)
    if (entry === undefined) throw new Error('nothing was logged')
    expect(accessLine(entry, 0, true)).toMatch(/^[\x20-\x7e]+\n$/)
  })
})
