import type { Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startGateway } from './kit/gateway.ts'
import type { TestGateway } from './kit/gateway.ts'
import { open, raw } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { freePort, startTcpUpstream, startUpstream } from './kit/upstream.ts'
import type { SeenRequest, TestUpstream } from './kit/upstream.ts'

let upstream: TestUpstream
let scripted: TestUpstream
let gateway: TestGateway
let before = 0
let scriptedAnswer = ''

beforeAll(async () => {
  upstream = await startUpstream()
  scripted = await startTcpUpstream((socket) => socket.on('data', () => socket.write(Buffer.from(scriptedAnswer, 'latin1'))))
  const dead = `http://127.0.0.1:${await freePort()}`
  gateway = await startGateway(`
services:
  a: { urls: ["${upstream.url}"] }
  scripted: { urls: ["${scripted.url}"] }
  dead: { urls: ["${dead}"] }
routing_rules:
  - { path: /plain, service: a }
  - { path: /retried, service: a, retries: 2 }
  - { path: /small, service: a, max_body: 10B }
  - { path: /scripted, service: scripted }
  - { path: /dead, service: dead }
  - { path: /dead/retried, service: dead, retries: 1, backoff: { base_delay: 1ms } }
  - { path: /fixed, respond: { body: hi } }
  - path: /open
    service: a
    circuit_breaker: { threshold: 50% }
`)
})

beforeEach(() => {
  before = upstream.seen.length
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
  await scripted.close()
})

const seen = (): readonly SeenRequest[] => upstream.seen.slice(before)
const head = (line: string, ...headers: readonly string[]): string => [line, 'Host: a', ...headers, '', ''].join('\r\n')

describe('a request body', () => {
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256)).toString('latin1')

  test.each(['/plain', '/retried'])('with a length keeps length and bytes at %s', async (path) => {
    const answer = await raw(gateway.port, head(`POST ${path} HTTP/1.1`, 'Content-Length: 1024') + bytes)
    expect(answer.status).toBe(200)
    expect(seen()).toMatchObject([{ body: bytes, headers: { 'content-length': '1024' } }])
    expect(seen()[0]?.headers).not.toHaveProperty('transfer-encoding')
  })

  test.each(['/plain', '/retried'])('in chunks stays in chunks at %s', async (path) => {
    const answer = await raw(
      gateway.port,
      `${head(`POST ${path} HTTP/1.1`, 'Transfer-Encoding: chunked')}200\r\n${bytes.slice(0, 512)}\r\n200\r\n${bytes.slice(512)}\r\n0\r\n\r\n`,
    )
    expect(answer.status).toBe(200)
    expect(seen()).toMatchObject([{ body: bytes, headers: { 'transfer-encoding': 'chunked' } }])
    expect(seen()[0]?.headers).not.toHaveProperty('content-length')
  })

  test.each(['GET', 'DELETE', 'OPTIONS', 'PATCH', 'PUT', 'REPORT'])('may come with %s', async (method) => {
    expect((await raw(gateway.port, `${head(`${method} /plain HTTP/1.1`, 'Content-Length: 5')}hello`)).status).toBe(200)
    expect((await raw(gateway.port, `${head(`${method} /plain HTTP/1.1`, 'Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`)).status).toBe(200)
    expect(seen().map((one) => [one.method, one.body])).toEqual([
      [method, 'hello'],
      [method, 'hello'],
    ])
  })

  test.each([
    ['no bytes, said with a length', head('POST /plain HTTP/1.1', 'Content-Length: 0')],
    ['no bytes, said with a chunk', `${head('POST /plain HTTP/1.1', 'Transfer-Encoding: chunked')}0\r\n\r\n`],
    ['no bytes, and not a word of it', head('POST /plain HTTP/1.1')],
  ])('may have %s', async (_, request) => {
    expect((await raw(gateway.port, request)).status).toBe(200)
    expect(seen().map(({ body }) => body)).toEqual([''])
  })

  test('is counted when its length is not known', async () => {
    const answer = await raw(gateway.port, `${head('POST /small HTTP/1.1', 'Transfer-Encoding: chunked')}b\r\nhello world\r\n`, { untilClosed: true })
    expect(answer).toMatchObject({ status: 413, closed: true })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'BODY_TOO_LARGE' })
    expect((await raw(gateway.port, `${head('POST /small HTTP/1.1', 'Transfer-Encoding: chunked')}a\r\nhelloworld\r\n0\r\n\r\n`)).status).toBe(200)
  })

  test('that nobody reads does not become the next request', async () => {
    const inner = head('GET /smuggled HTTP/1.1')
    const answer = await raw(
      gateway.port,
      `${head('POST /fixed HTTP/1.1', `Content-Length: ${inner.length}`)}${inner}${head('GET /fixed HTTP/1.1')}`,
      { answers: 2 },
    )
    expect(answer.text.match(/HTTP\/1\.1 [0-9]+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200'])
    expect(gateway.entries.map(({ path }) => path)).not.toContain('/smuggled')
  })
})

describe('a client that waits for 100 Continue', () => {
  const waiting = (path: string, length: number, version = '1.1'): string =>
    head(`POST ${path} HTTP/${version}`, `Content-Length: ${length}`, 'Expect: 100-continue')

  async function talk(request: string): Promise<{ socket: Socket; text: () => string }> {
    const socket = await open(gateway.port)
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.write(request)
    return { socket, text: () => text }
  }

  test.each(['/plain', '/retried', '/open'])('is told to go on once the service takes the body (%s)', async (path) => {
    const { socket, text } = await talk(waiting(path, 5))
    await until('the interim answer is here', () => text() !== '')
    expect(text()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('hello')
    await until('the answer is here', () => text().includes('"body":"hello"'))
    expect(text().match(/HTTP\/1\.1 [0-9]+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
    expect(seen()[0]?.headers).not.toHaveProperty('expect')
    socket.destroy()
  })

  test.each([
    ['no rule', '/nowhere', 5, 404],
    ['a body that is too large', '/small', 11, 413],
    ['a service that cannot be reached', '/dead', 5, 502],
    ['a service that cannot be reached, tried twice', '/dead/retried', 5, 502],
    ['a fixed answer', '/fixed', 5, 200],
  ])('gets the final answer alone where there is %s', async (_, path, length, status) => {
    const answer = await raw(gateway.port, waiting(path, length), { untilClosed: true })
    expect(answer).toMatchObject({ status, closed: true })
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(answer.head.toLowerCase()).toContain('connection: close')
  })

  test('over HTTP/1.0, which has no interim answers, gets none', async () => {
    const answer = await raw(gateway.port, `${waiting('/plain', 5, '1.0')}hello`, { untilClosed: true })
    expect(answer.status).toBe(200)
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(seen()).toMatchObject([{ body: 'hello' }])
  })

  test('and does not wait after all is served', async () => {
    const answer = await raw(gateway.port, `${waiting('/plain', 5)}hello`)
    expect(answer.text).toContain('"body":"hello"')
  })
})

describe('trailers of an answer', () => {
  const chunks = (trailers: string): string =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`

  test('that describe the body reach the client', async () => {
    scriptedAnswer = chunks('X-Sum: abc\r\nGrpc-Status: 0\r\n')
    const answer = await raw(gateway.port, head('GET /scripted HTTP/1.1'))
    expect(answer.body).toMatch(/^5\r\nhello\r\n0\r\nx-sum: abc\r\ngrpc-status: 0\r\n\r\n$/i)
  })

  test('that would change what was said are dropped', async () => {
    scriptedAnswer = chunks('Set-Cookie: a=b\r\nHost: evil\r\nAuthorization: x\r\nContent-Type: text/evil\r\nLocation: /evil\r\nX-Sum: abc\r\n')
    const answer = await raw(gateway.port, head('GET /scripted HTTP/1.1'))
    expect(answer.body).toMatch(/^5\r\nhello\r\n0\r\nx-sum: abc\r\n\r\n$/i)
  })

  test('are left out for HTTP/1.0, which has no place for them', async () => {
    scriptedAnswer = chunks('X-Sum: abc\r\n')
    const answer = await raw(gateway.port, head('GET /scripted HTTP/1.0'), { untilClosed: true })
    expect(answer).toMatchObject({ status: 200, body: 'hello' })
  })

  test('with bytes above ASCII go through as they are', async () => {
    scriptedAnswer = chunks('X-Sum: \xff\xe4\r\n')
    const answer = await raw(gateway.port, head('GET /scripted HTTP/1.1'))
    expect(answer.body).toContain('\xff\xe4')
  })
})
