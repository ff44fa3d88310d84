import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { raw } from '../kit/raw.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../kit/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startGateway(`
services: { all: { urls: ["${upstream.url}"] } }
routing_rules:
  - { path: /*, service: all }
  - { path: /typed, service: all, request_headers: { set: { x-set: "1" } } }
`)
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

/** Requests that have reached the upstream since the test began. */
let before = 0
const seen = (): readonly SeenRequest[] => upstream.seen.slice(before)

beforeEach(() => {
  before = upstream.seen.length
})

const lines = (...parts: readonly string[]): string => parts.join('\r\n')
const post = (...headers: readonly string[]): string => lines('POST /x HTTP/1.1', 'Host: a', ...headers, '', '')
const get = (...headers: readonly string[]): string => lines('GET /x HTTP/1.1', 'Host: a', ...headers, '', '')
const chunked = post('Transfer-Encoding: chunked')

describe('a body length that is no plain decimal number', () => {
  test.each([
    ['hexadecimal', '0x10'],
    ['signed', '+5'],
    ['negative', '-5'],
    ['with a word behind it', '5junk'],
    ['a list', '5, 5'],
    ['with a fraction', '5.0'],
    ['larger than 64 bits', '99999999999999999999'],
    ['empty', ''],
    ['with a space inside', '1 6'],
  ])('%s is refused with 400 and never sent on', async (_, value) => {
    const answer = await raw(gateway.port, `${post(`Content-Length: ${value}`)}0123456789abcdef`, { untilClosed: true })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(seen()).toEqual([])
  })
})

describe('a chunk size that is no plain hexadecimal number', () => {
  test.each(['Z', '1junk', '-0x0', '0x5', ' 5', '+5', '', '5 ', 'ffffffffffffffffff'])(
    '`%s` ends the connection and no second request is read',
    async (size) => {
      const smuggled = get().replace('/x', '/smuggled')
      const answer = await raw(gateway.port, `${chunked}${size}\r\nhello\r\n0\r\n\r\n${smuggled}`, { untilClosed: true })
      expect(answer).toMatchObject({ status: 400, closed: true })
      expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
      expect(seen().filter(({ body }) => body !== '')).toEqual([])
      expect(seen().map(({ url }) => url)).not.toContain('/smuggled')
    },
  )
})

describe('framing that two servers could read differently', () => {
  test.each([
    ['a list that begins with a comma', ['Transfer-Encoding: ,chunked']],
    ['the same beside a length', ['Transfer-Encoding: ,chunked', 'Content-Length: 5']],
    ['chunked twice', ['Transfer-Encoding: chunked, chunked']],
    ['two transfer encodings', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
    ['chunked and then something else', ['Transfer-Encoding: chunked, identity']],
    ['an unknown encoding', ['Transfer-Encoding: gzip, chunked']],
    ['a misspelt encoding', ['Transfer-Encoding: xchunked']],
    ['an encoding after a vertical tab', ['Transfer-Encoding: \x0bchunked']],
    ['a quoted encoding', ['Transfer-Encoding: "chunked"']],
    ['a space before the colon', ['Transfer-Encoding : chunked']],
    ['an encoding and a length', ['Transfer-Encoding: chunked', 'Content-Length: 5']],
    ['a length and an encoding', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6']],
    ['two equal lengths', ['Content-Length: 5', 'Content-Length: 5']],
    ['two lengths in other letters', ['Content-Length: 5', 'content-length: 3']],
    ['a folded encoding', ['Transfer-Encoding:\r\n chunked']],
    ['a length behind a bare line feed', ['X: y\nContent-Length: 5']],
    ['a length behind a bare carriage return', ['X: y\rContent-Length: 5']],
    ['a space before the colon of a length', ['Content-Length : 5']],
    ['an empty header name', [': 5']],
    ['a header line without a colon', ['Content-Length 5']],
  ])('%s is refused with 400, and the connection is closed', async (_, headers) => {
    const answer = await raw(gateway.port, `${post(...headers)}5\r\nhello\r\n0\r\n\r\n`, { untilClosed: true })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })

  test('a first header that begins with a space is refused', async () => {
    const answer = await raw(gateway.port, lines('POST /x HTTP/1.1', ' Content-Length: 5', 'Host: a', '', 'hello'), { untilClosed: true })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })

  test('chunked from an HTTP/1.0 client is refused', async () => {
    const answer = await raw(gateway.port, lines('POST /x HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked', '', '5', 'hello', '0', '', ''), {
      untilClosed: true,
    })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })

  test('`Transfer-Encoding` in any letters is one encoding, and the body arrives whole', async () => {
    const answer = await raw(gateway.port, `${post('tRANSFER-eNCODING: Chunked')}5\r\nhello\r\n0\r\n\r\n`)
    expect(answer.status).toBe(200)
    expect(seen().map(({ body }) => body)).toEqual(['hello'])
  })
})

describe('another version of HTTP', () => {
  test.each([
    ['0.9', 'GET /x\r\n\r\n'],
    ['1.2', 'GET /x HTTP/1.2\r\nHost: a\r\n\r\n'],
    ['2.0', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n'],
    ['2.0 with its own first words', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['none', 'GET /x\r\nHost: a\r\n\r\n'],
    ['lines that end in bare line feeds', 'GET /x HTTP/1.1\nHost: a\n\n'],
    ['a method in small letters', 'get /x HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('%s is refused with 400, and the connection is closed', async (_, request) => {
    expect(await raw(gateway.port, request, { untilClosed: true })).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })
})

describe('bytes that no header may hold', () => {
  test.each([
    ['NUL in a value', get('X: a\0b')],
    ['NUL in a name', get('X\0: a')],
    ['NUL in the host', lines('GET /x HTTP/1.1', 'Host: a\0.b', '', '')],
    ['an escape character in a value', get('User-Agent: \x1b[31m')],
    ['a delete character in a value', get('X: a\x7f')],
    ['a space in a name', get('X Y: a')],
    ['a bare carriage return in a value', get('X: a\rb')],
    ['a header from the next line', get('X: a', '\tfolded')],
  ])('%s is refused with 400', async (_, request) => {
    const answer = await raw(gateway.port, request, { untilClosed: true })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })
})

describe('limits of the head', () => {
  test('a name of 270 bytes that ends in `content-length` arrives as it is', async () => {
    const name = `content-length0${'a'.repeat(255)}`
    const answer = await raw(gateway.port, `${post('Content-Length: 5', `${name}: 1`)}hello`)
    expect(answer.status).toBe(200)
    expect(seen()[0]).toMatchObject({ body: 'hello', headers: { 'content-length': '5', [name]: '1' } })
  })

  test('1 MiB of chunk extensions is refused after at most 16 KiB of them', async () => {
    const rssBefore = process.memoryUsage().rss
    const answer = await raw(gateway.port, `${chunked}5;${'x'.repeat(1024 * 1024)}\r\nhello\r\n0\r\n\r\n`, { untilClosed: true })
    expect([400, 413]).toContain(answer.status)
    expect(answer.closed).toBe(true)
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(64 * 1024 * 1024)
  })

  test('short chunk extensions are read over and not sent on', async () => {
    const answer = await raw(gateway.port, `${chunked}5;name=value\r\nhello\r\n0\r\n\r\n`)
    expect(answer.status).toBe(200)
    expect(seen()[0]?.body).toBe('hello')
  })

  test('trailers larger than the headers may be are refused', async () => {
    const answer = await raw(gateway.port, `${chunked}5\r\nhello\r\n0\r\nx: ${'y'.repeat(64 * 1024)}\r\n\r\n`, { untilClosed: true })
    expect([400, 431, 502]).toContain(answer.status)
    expect(answer.closed).toBe(true)
    expect(seen().filter(({ body }) => body !== '')).toEqual([])
  })
})

describe('the length that goes upstream', () => {
  test('is stated once, in one spelling, whatever the rule sets beside it', async () => {
    const answer = await raw(gateway.port, `${lines('POST /typed HTTP/1.1', 'Host: a', 'CONTENT-LENGTH: 5', '', '')}hello`)
    expect(answer.status).toBe(200)
    const lengths = seen()[0]?.rawHeaders.filter((text) => text.toLowerCase() === 'content-length')
    expect(lengths).toEqual(['content-length'])
    expect(seen()[0]).toMatchObject({ body: 'hello', headers: { 'content-length': '5' } })
  })

  test.each([
    ['request_headers: { set: { content-length: "3" } }'],
    ['request_headers: { add: { Content-length: "3" } }'],
    ['request_headers: { remove: [Transfer-Encoding] }'],
    ['response_headers: { set: { content-length: "3" } }'],
    ['response_headers: { set: { transfer-encoding: chunked } }'],
    ['request_headers: { set: { connection: close } }'],
  ])('cannot be changed by a rule: `%s` is an error of the configuration', async (edit) => {
    const yaml = `services: { a: { urls: ["${upstream.url}"] } }\nrouting_rules: [{ path: /x, service: a, ${edit} }]`
    await expect(startGateway(yaml)).rejects.toThrow('HG2019')
  })

  test('cannot be set on a fixed answer', async () => {
    const yaml = 'routing_rules: [{ path: /x, respond: { headers: { Content-Length: "3" }, body: hello } }]'
    await expect(startGateway(yaml)).rejects.toThrow('HG2019')
  })
})

describe('trailers of a request', () => {
  const withTrailers = (...trailers: readonly string[]): string =>
    `${post('Transfer-Encoding: chunked', 'Trailer: Authorization, Host, X-Sum')}5\r\nhello\r\n${lines('0', ...trailers, '', '')}`

  test('are dropped, whatever their names', async () => {
    const answer = await raw(gateway.port, withTrailers('Authorization: Bearer x', 'Host: evil', 'X-Sum: 1', 'X-Forwarded-For: 1.2.3.4'))
    expect(answer.status).toBe(200)
    const headers = seen()[0]?.rawHeaders.map((text) => text.toLowerCase()) ?? []
    expect(seen()[0]?.body).toBe('hello')
    for (const name of ['authorization', 'x-sum', 'trailer', 'content-length']) expect(headers).not.toContain(name)
    expect(headers.filter((name) => name === 'host' || name === 'x-forwarded-for')).toHaveLength(2)
    expect(seen()[0]?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1' })
  })

  test.each(['Content-Length: 3', 'Transfer-Encoding: chunked'])('`%s` behind the body does not change where the request ends', async (trailer) => {
    const answer = await raw(gateway.port, withTrailers(trailer), { untilClosed: true, waitMs: 500 })
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(answer.status === 400 ? answer.closed : seen()[0]?.body === 'hello').toBe(true)
  })
})

describe('what follows a request', () => {
  test('a request that cannot be read leaves the answers of those before it whole', async () => {
    const answer = await raw(gateway.port, `${get()}NONSENSE\r\n\r\n`, { untilClosed: true })
    expect(answer).toMatchObject({ status: 200, closed: true })
    expect(answer.body).toContain('"url":"/x"')
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  })

  test('a second request that cannot be read, on a connection at rest, gets its 400', async () => {
    const answer = await raw(gateway.port, lines('GET /%zz HTTP/1.1', 'Host: a', '', ''))
    expect(answer.status).toBe(400)
    const both = await raw(gateway.port, [get(), 'NONSENSE\r\n\r\n'], { untilClosed: true })
    expect(both.text.match(/HTTP\/1\.1 [0-9]+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
  })

  test('pipelined requests are answered in their order', async () => {
    const answer = await raw(gateway.port, ['/1', '/2', '/3'].map((path) => lines(`GET ${path} HTTP/1.1`, 'Host: a', '', '')).join(''), {
      answers: 3,
    })
    expect(answer.text.match(/"url":"[^"]+"/g)).toEqual(['"url":"/1"', '"url":"/2"', '"url":"/3"'])
  })

  test('a tunnel asked for with CONNECT is refused in words', async () => {
    const answer = await raw(gateway.port, lines('CONNECT evil:443 HTTP/1.1', 'Host: evil:443', '', ''), { untilClosed: true })
    expect(answer).toMatchObject({ status: 501, closed: true })
    expect(answer.body).toContain('METHOD_NOT_IMPLEMENTED')
  })

  test('TRACE is refused, because it would show what the gateway adds', async () => {
    const answer = await raw(gateway.port, get().replace('GET', 'TRACE'))
    expect(answer.status).toBe(501)
    expect(seen()).toEqual([])
  })

  test('an upgrade with a body, which could hide a request, is refused', async () => {
    const smuggled = lines('GET /smuggled HTTP/1.1', 'Host: a', '', '')
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
    const answer = await raw(gateway.port, `${get(...upgrade, `Content-Length: ${smuggled.length}`)}${smuggled}`, { untilClosed: true })
    expect(answer).toMatchObject({ status: 400, closed: true })
    expect(seen()).toEqual([])
  })

  test('an upgrade to another protocol is an ordinary request', async () => {
    const answer = await raw(gateway.port, get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'))
    expect(answer.status).toBe(200)
    expect(seen()[0]?.headers).not.toHaveProperty('upgrade')
    expect(seen()[0]?.headers).not.toHaveProperty('http2-settings')
  })
})
