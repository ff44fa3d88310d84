import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask } from '../kit/ask.ts'
import { type TestGateway, startGateway } from '../kit/gateway.ts'
import { raw } from '../kit/raw.ts'
import { until } from '../kit/until.ts'
import { type TestUpstream, startTcpUpstream, startUpstream } from '../kit/upstream.ts'

const cleanups: (() => unknown)[] = []
const crashes: unknown[] = []
const note = (error: unknown): void => void crashes.push(error)

beforeEach(() => {
  crashes.length = 0
  process.on('unhandledRejection', note)
  process.on('uncaughtExceptionMonitor', note)
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  process.off('unhandledRejection', note)
  process.off('uncaughtExceptionMonitor', note)
  if (crashes.length > 0) throw new Error('something was thrown that nobody caught', { cause: crashes[0] })
})

type Handler = (req: IncomingMessage, res: ServerResponse) => void

async function behind(handler?: Handler, rule = '', early = false): Promise<{ gateway: TestGateway; upstream: TestUpstream }> {
  const upstream = await startUpstream(handler, { early })
  cleanups.push(() => upstream.close())
  return { gateway: await gatewayTo(upstream.url, rule), upstream }
}

async function gatewayTo(url: string, rule = '', service = ''): Promise<TestGateway> {
  const gateway = await startGateway(`
services: { a: { urls: ["${url}"] ${service} } }
routing_rules: [{ path: /*, service: a ${rule} }]
`)
  cleanups.push(() => gateway.close())
  return gateway
}

/** An upstream that answers every request with these bytes and closes the connection. */
async function answering(bytes: string | Buffer): Promise<TestUpstream> {
  const upstream = await startTcpUpstream((socket) => socket.once('data', () => socket.end(bytes)))
  cleanups.push(() => upstream.close())
  return upstream
}

const MiB = 1024 * 1024

/** How much resident memory grows over `run`, once it was run before so that everything is warm. */
async function growth(warm: () => Promise<unknown>, run: () => Promise<unknown>): Promise<number> {
  await warm()
  const before = process.memoryUsage.rss()
  await run()
  return (process.memoryUsage.rss() - before) / MiB
}

async function times(count: number, parallel: number, one: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await one(next)
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

test.each([1023, 1024, 1025, 65_535, 65_536, 65_537])('a POST of %i bytes passes a rule that sets headers', async (bytes) => {
  const { gateway, upstream } = await behind(
    undefined,
    ', retries: 1, request_headers: { set: { x-team: a } }, response_headers: { set: { x-team: b } }',
  )
  const answer = await ask(gateway.url, { method: 'POST', body: 'x'.repeat(bytes) })
  expect(answer).toMatchObject({ status: 200, headers: { 'x-team': 'b' } })
  expect(upstream.seen[0]).toMatchObject({ headers: { 'x-team': 'a' } })
  expect(upstream.seen[0]?.body).toHaveLength(bytes)
})

test('a request that announces trailers without having any is an ordinary request', async () => {
  const { gateway } = await behind()
  const answer = await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\ntrailer: x\r\n\r\n')
  expect(answer.status).toBe(200)
})

test('an answer that announces trailers without a chunked body is an ordinary answer', async () => {
  const upstream = await answering('HTTP/1.1 200 OK\r\ntrailer: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
  const gateway = await gatewayTo(upstream.url)
  expect(await ask(gateway.url)).toMatchObject({ status: 200, body: 'ok' })
})

test('a header name with a space is refused', async () => {
  const { gateway, upstream } = await behind()
  expect((await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\nUser Agent: x\r\n\r\n')).status).toBe(400)
  expect(upstream.seen).toHaveLength(0)
})

test.each([
  ['bytes above ASCII', Buffer.from('content-type: \xff?@', 'latin1'), [200, 502]],
  ['UTF-8', Buffer.from('x-name: Zoë ✓', 'utf8'), [200, 502]],
  ['a control character', Buffer.from('x-name: a\x01b', 'latin1'), [502]],
  ['a NUL', Buffer.from('x-name: a\0b', 'latin1'), [502]],
  ['a name with a space', Buffer.from('x name: a', 'latin1'), [502]],
])('an answer whose header holds %s harms nobody', async (_what, header, statuses) => {
  const upstream = await answering(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n'), header, Buffer.from('\r\n\r\nok')]))
  const gateway = await gatewayTo(upstream.url)
  const { status } = await ask(gateway.url)
  expect(statuses).toContain(status)
  await until('nothing runs', () => gateway.runtime.status().services[0]?.addresses[0]?.inFlight === 0)
})

test('an answer that was encoded many times passes as it is', async () => {
  const body = gzipSync('content')
  const { gateway } = await behind((_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip, '.repeat(1000) + 'gzip' }).end(body))
  const answer = await ask(gateway.url)
  expect(answer.status).toBe(200)
  expect(Buffer.from(answer.body, 'latin1').equals(body)).toBe(true)
})

test('requests that are broken off in the middle of a body leave no sockets and no memory behind', async () => {
  const { gateway } = await behind(
    (req, res) => {
      req.resume()
      res.on('error', () => undefined)
      res.writeHead(200, { 'content-length': String(MiB) }).write(Buffer.alloc(64 * 1024))
    },
    '',
    true,
  )
  const agent = new Agent({ keepAlive: false })
  const abort = (index: number): Promise<unknown> => {
    const req = request(gateway.url, { agent, method: index % 2 === 0 ? 'GET' : 'PUT' })
    req.on('error', () => undefined)
    const closed = once(req, 'close')
    if (index % 2 === 0) req.end()
    else req.write(Buffer.alloc(64 * 1024))
    req.once('response', () => req.destroy())
    return closed
  }
  const grown = await growth(
    () => times(600, 20, abort),
    () => times(1200, 20, abort),
  )
  expect(grown).toBeLessThan(60)
  await until('no connection is left', () => gateway.runtime.status().connections === 0)
  expect(gateway.runtime.status().services[0]?.addresses[0]?.inFlight).toBe(0)
  expect(gateway.runtime.status().requestsInFlight).toBe(0)
})

test('a service without a certificate that can be trusted leaves no sockets behind, however often it is asked', async () => {
  const server = createTlsServer({})
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  const gateway = await gatewayTo(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const sockets = (): number => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP') || kind.startsWith('TLS')).length
  await ask(gateway.url)
  const before = sockets()
  await times(300, 10, async () => expect((await ask(gateway.url)).status).toBe(502))
  await until('all sockets are gone', () => sockets() <= before)
})

test.each([
  'application/json ; charset=utf-8',
  'application/json;charset="utf-8"',
  'application/json, text/plain',
  'application/x-www-form-urlencoded',
])('a body with content type %s reaches the service byte for byte', async (type) => {
  const { gateway, upstream } = await behind(undefined, ', retries: 1')
  const body = '{"amount":1,"amount":999, "x": \xff\xfe broken'
  expect(await ask(gateway.url, { method: 'POST', headers: { 'content-type': type }, body: Buffer.from(body, 'latin1') })).toMatchObject({
    status: 200,
  })
  expect(upstream.seen[0]).toMatchObject({ body, headers: { 'content-type': type } })
})

test('clients cannot make new metric series, with paths, methods or hosts', async () => {
  const { gateway } = await behind()
  const series = async (): Promise<number> => (await gateway.metrics()).split('\n').filter((line) => !line.startsWith('#')).length
  const agent = new Agent({ keepAlive: true, maxSockets: 10 })
  cleanups.push(() => agent.destroy())
  const odd = ['GET', 'POST', 'PROPFIND', 'MKCALENDAR', 'SEARCH', 'PURGE', 'M-SEARCH']
  const one = (index: number): Promise<unknown> =>
    ask(`${gateway.url}/p/${index}/${Math.random()}?q=${index}`, { agent, method: odd[index % odd.length] ?? 'GET', headers: { host: `h${index}` } })
  await times(20, 5, one)
  const before = await series()
  const grown = await growth(
    () => times(2000, 10, one),
    () => times(2000, 10, one),
  )
  expect(await series()).toBe(before)
  expect(await gateway.metrics()).not.toMatch(/MKCALENDAR|PURGE/)
  expect(grown).toBeLessThan(60)
  for (let i = 0; i < 50; i += 1) expect((await raw(gateway.port, `FOO${i} / HTTP/1.1\r\nhost: a\r\n\r\n`)).status).toBe(400)
  expect(await series()).toBe(before)
})

const request408 = 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n'

test('a GET that announces a body and sends none is answered 408 and frees what it held', async () => {
  const upstream = await startUpstream()
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"] } }
routing_rules: [{ path: /*, service: a }]
limits: { request_timeout: 300ms }
`)
  cleanups.push(() => gateway.close())
  expect(await raw(gateway.port, request408, { untilClosed: true, waitMs: 5000 })).toMatchObject({ status: 408, closed: true })
  await until('nothing runs', () => gateway.runtime.status().requestsInFlight === 0)
})

test('header blocks over 16 KiB and more than 100 headers are refused with 431', async () => {
  const { gateway, upstream } = await behind()
  const headers = (count: number): string => Array.from({ length: count }, (_, index) => `x-${index}: v\r\n`).join('')
  expect((await raw(gateway.port, `GET / HTTP/1.1\r\nhost: a\r\n${headers(99)}\r\n`)).status).toBe(200)
  expect((await raw(gateway.port, `GET / HTTP/1.1\r\nhost: a\r\n${headers(100)}\r\n`)).status).toBe(431)
  expect((await raw(gateway.port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'v'.repeat(16_000)}\r\n\r\n`)).status).toBe(200)
  expect((await raw(gateway.port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'v'.repeat(16_385)}\r\n\r\n`)).status).toBe(431)
  expect((await raw(gateway.port, `GET /${'a'.repeat(16_385)} HTTP/1.1\r\nhost: a\r\n\r\n`)).status).toBe(431)
  expect(upstream.seen).toHaveLength(2)
})

test('bytes of other protocols are answered 400 or nothing, and the gateway lives', async () => {
  const { gateway } = await behind()
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const clientHello = Buffer.from('160301020001000001fc0303', 'hex')
  const upgrade =
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n'
  for (const bytes of [preface, clientHello, Buffer.alloc(1000, 0xff), '\0\0\0\0']) {
    const answer = await raw(gateway.port, bytes, { untilClosed: true })
    expect([0, 400]).toContain(answer.status)
    expect(answer.closed).toBe(true)
  }
  expect([200, 400]).toContain((await raw(gateway.port, upgrade)).status)
  expect((await ask(gateway.url)).status).toBe(200)
})
