import { once } from 'node:events'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask, askMany } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { open, raw } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Handler = Parameters<typeof startUpstream>[0]

async function behind(limits: string, rule = '', handler?: Handler): Promise<{ gateway: TestGateway; upstream: TestUpstream }> {
  const upstream = await startUpstream(handler)
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"] } }
routing_rules: [{ path: /*, service: a ${rule} }]
limits: { ${limits} }
`)
  cleanups.push(() => gateway.close())
  return { gateway, upstream }
}

const chunked = (bytes: number): string => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`

test.each(['', ', retries: 2'])('a body over the limit is refused with 413, declared or chunked (%s)', async (rule) => {
  const { gateway, upstream } = await behind('', `, max_body: 1KiB ${rule}`)
  expect(await ask(gateway.url, { method: 'PUT', body: 'x'.repeat(1024) })).toMatchObject({ status: 200 })
  expect(await ask(gateway.url, { method: 'PUT', body: 'x'.repeat(1025) })).toMatchObject({ status: 413 })
  expect(upstream.seen).toHaveLength(1)
  const answer = await raw(gateway.port, `PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunked(1025)}`)
  expect(answer.status).toBe(413)
  expect(answer.body).toContain('BODY_TOO_LARGE')
  const fits = await raw(gateway.port, `PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunked(1024)}`)
  expect(fits.status).toBe(200)
})

test('bodies that are too large do not count against the service', async () => {
  const { gateway } = await behind('', ', max_body: 1KiB, circuit_breaker: { threshold: 1%, volume: 1 }')
  await raw(gateway.port, `PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${chunked(5000)}`)
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ state: 'closed', failed: 0 })
})

test.each(['', ', retries: 2'])('a body that does not come in time is answered 408 (%s)', async (rule) => {
  const { gateway } = await behind('request_timeout: 500ms', rule)
  const answer = await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n', { untilClosed: true, waitMs: 5000 })
  expect(answer).toMatchObject({ status: 408, closed: true })
  await until('nothing runs', () => gateway.runtime.status().requestsInFlight === 0)
  expect(gateway.runtime.status().services[0]?.addresses[0]?.inFlight).toBe(0)
})

test('clients that send slowly lose their connections, and good clients do not notice them', async () => {
  const { gateway } = await behind('header_timeout: 1s')
  const slow = await Promise.all(Array.from({ length: 100 }, () => open(gateway.port)))
  for (const socket of slow) socket.on('error', () => undefined)
  const drips = setInterval(() => {
    for (const socket of slow) if (socket.writable) socket.write('x-a: b\r\n')
  }, 100)
  cleanups.push(() => {
    clearInterval(drips)
    for (const socket of slow) socket.destroy()
  })
  for (const socket of slow) socket.write('GET / HTTP/1.1\r\nhost: a\r\n')
  const closed = Promise.all(slow.map((socket) => once(socket, 'close')))
  for (const socket of slow) socket.resume()
  let worstMs = 0
  const agent = new Agent({ keepAlive: true })
  cleanups.push(() => agent.destroy())
  for (let i = 0; i < 100; i += 1) {
    const { status, ms } = await ask(gateway.url, { agent })
    expect(status).toBe(200)
    worstMs = Math.max(worstMs, ms)
  }
  expect(worstMs).toBeLessThan(500)
  await closed
  agent.destroy()
  await until('their places are free', () => gateway.runtime.status().connections === 0)
})

test('connections that never send a byte are closed after the header timeout', async () => {
  const { gateway } = await behind('header_timeout: 500ms')
  const socket = await open(gateway.port)
  socket.resume()
  await once(socket, 'close')
  await until('its place is free', () => gateway.runtime.status().connections === 0)
  expect(gateway.entries).toHaveLength(0)
})

test('connections over the limit are closed at once and counted; places become free again', async () => {
  const { gateway } = await behind('max_connections: 5')
  const taken: Socket[] = []
  for (let i = 0; i < 5; i += 1) taken.push(await open(gateway.port))
  await until('all are counted', () => gateway.runtime.status().connections === 5)
  const answer = await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n').catch(() => undefined)
  expect(answer?.text ?? '').toBe('')
  expect(await gateway.sample('headgate_shed_total{reason="connections"}')).toBe(1)
  taken[0]?.destroy()
  await until('a place is free', () => gateway.runtime.status().connections === 4)
  expect(await ask(gateway.url)).toMatchObject({ status: 200 })
  for (const socket of taken) socket.destroy()
})

test('requests over the limit are shed with 503 and Retry-After, the others are served', async () => {
  const waiting: (() => void)[] = []
  const { gateway } = await behind('max_requests: 10', '', (_req, res) => void waiting.push(() => res.end('ok')))
  const answers = askMany(30, () => ask(gateway.url))
  await until(
    'ten are served and the rest is shed',
    async () => waiting.length === 10 && (await gateway.sample('headgate_shed_total{reason="requests"}')) === 20,
  )
  for (const answer of waiting) answer()
  expect(await answers).toEqual({ 200: 10, 503: 20 })
  const shed = gateway.entries.find(({ status }) => status === 503)
  expect(shed?.error).toBe('OVERLOADED')
  expect(gateway.runtime.status().requestsInFlight).toBe(0)
})

test('a shed request is told when to come back', async () => {
  let held: (() => void) | undefined
  const { gateway } = await behind('max_requests: 1', '', (_req, res) => void (held = () => res.end()))
  const first = ask(gateway.url)
  await until('the first runs', () => held !== undefined)
  const second = await ask(gateway.url)
  expect(second.status).toBe(503)
  expect(Number(second.headers['retry-after'])).toBeGreaterThan(0)
  held?.()
  await first
})

test('a service with all its connections and places taken answers 503 with Retry-After at once', async () => {
  const held: (() => void)[] = []
  const upstream = await startUpstream((_req, res) => void held.push(() => res.end()))
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"], max_connections: 2, max_pending: 3 } }
routing_rules: [{ path: /*, service: a, circuit_breaker: { threshold: 1%, volume: 1 } }]
`)
  cleanups.push(() => gateway.close())
  const answers = askMany(10, () => ask(gateway.url))
  await until('five are refused', () => gateway.entries.length === 5)
  expect(gateway.entries.map(({ error }) => error)).toEqual(Array.from({ length: 5 }, () => 'UPSTREAM_BUSY'))
  expect(gateway.runtime.status().breakers[0]?.state).toBe('closed')
  const release = setInterval(() => held.shift()?.(), 5)
  expect(await answers).toEqual({ 200: 5, 503: 5 })
  clearInterval(release)
  expect(upstream.connections()).toBe(2)
})

test('a client that uploads slowly does not open the circuit breaker of the service', async () => {
  const { gateway } = await behind('', ', timeout: 200ms, circuit_breaker: { threshold: 1%, volume: 1 }')
  const answer = await raw(gateway.port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nsome')
  expect(answer.status).toBe(408)
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ state: 'closed', failed: 0 })
})

test.each(['', ', retries: 1'])('a client that uses up the deadline itself does not open the circuit breaker of the service (%s)', async (rule) => {
  const { gateway } = await behind('', `, deadline: 200ms, circuit_breaker: { threshold: 1%, volume: 1 } ${rule}`)
  const socket = await open(gateway.port)
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nsome')
  setTimeout(() => socket.write('more'), 400)
  await until('there is an answer', () => text.includes('\r\n\r\n'))
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ state: 'closed', failed: 0 })
  socket.destroy()
})

test('a service that does not take the body in time is to blame, not the client', async () => {
  const { gateway } = await behind('', ', timeout: 300ms, circuit_breaker: { threshold: 1%, volume: 1 }')
  const stuck = await startUpstream((req) => void req.pause(), { early: true })
  cleanups.push(() => stuck.close())
  await gateway.apply(`
services: { a: { urls: ["${stuck.url}"] } }
routing_rules: [{ path: /*, service: a, timeout: 300ms, circuit_breaker: { threshold: 1%, volume: 1 } }]
`)
  const port = gateway.runtime.listeners[0]?.port ?? 0
  const socket = await open(port)
  socket.on('error', () => undefined)
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString()))
  socket.write(`PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: ${64 * 1024 * 1024}\r\n\r\n`)
  socket.write(Buffer.alloc(64 * 1024 * 1024))
  await until('there is an answer', () => text.includes('\r\n\r\n'))
  expect(text).toContain('504')
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ failed: 1 })
  socket.destroy()
})
