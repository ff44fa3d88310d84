import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { open, raw } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, startTcpUpstream, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const MiB = 1024 * 1024

interface Pair {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
}

async function behind(handler: (req: IncomingMessage, res: ServerResponse) => void, rule = '', extra = ''): Promise<Pair> {
  const upstream = await startUpstream(handler, { early: true })
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { files: { urls: ["${upstream.url}"], passive_health: { failures: 1 } } }
routing_rules: [{ path: /*, service: files, circuit_breaker: { threshold: 50% } ${rule} }]
${extra}
`)
  cleanups.push(() => gateway.close())
  return { gateway, upstream }
}

const inFlight = (gateway: TestGateway): number | undefined => gateway.runtime.status().services[0]?.addresses[0]?.inFlight
const rss = (): number => process.memoryUsage.rss()

test('100 MB pass in each direction at the same time, whole and in bounded memory', async () => {
  const chunk = Buffer.alloc(MiB, 'x')
  let received = 0
  const { gateway } = await behind((req, res) => {
    req.on('data', (data: Buffer) => (received += data.length))
    let left = 100
    const more = (): void => {
      while (left > 0) {
        left -= 1
        if (!res.write(chunk)) return void res.once('drain', more)
      }
      // An answer that ends first would end the upload.
      if (req.readableEnded) res.end()
      else req.once('end', () => res.end())
    }
    more()
  })
  const before = rss()
  let most = 0
  const req = request(gateway.url, { method: 'PUT', headers: { 'content-length': String(100 * MiB) } })
  const answer = once(req, 'response').then(async ([res]: IncomingMessage[]) => {
    let bytes = 0
    for await (const data of res as IncomingMessage) {
      bytes += (data as Buffer).length
      most = Math.max(most, rss())
    }
    return bytes
  })
  for (let sent = 0; sent < 100; sent += 1) if (!req.write(chunk)) await once(req, 'drain')
  req.end()
  expect(await answer).toBe(100 * MiB)
  expect(received).toBe(100 * MiB)
  // Client and server of the test live in this process too.
  expect(most - before).toBeLessThan(120 * MiB)
})

test('a client that does not read stops the service', async () => {
  let written = 0
  const chunk = Buffer.alloc(MiB)
  const { gateway } = await behind((_req, res) => {
    const more = (): void => {
      while (written < 100 * MiB) {
        written += chunk.length
        if (!res.write(chunk)) return void res.once('drain', more)
      }
      res.end()
    }
    more()
  })
  const socket = await open(gateway.port)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await settled(() => written)
  expect(written).toBeGreaterThan(0)
  expect(written).toBeLessThan(40 * MiB)
  socket.destroy()
  await until('the service is told', () => inFlight(gateway) === 0)
})

test('a service that does not read stops the client', async () => {
  const { gateway } = await behind((req) => void req.pause())
  const socket = await open(gateway.port)
  let written = 0
  const chunk = Buffer.alloc(MiB)
  socket.write(`PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: ${100 * MiB}\r\n\r\n`)
  const pump = async (): Promise<void> => {
    while (written < 100 * MiB && !socket.destroyed) {
      written += chunk.length
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
  }
  void pump().catch(() => undefined)
  await settled(() => written)
  expect(written).toBeLessThan(40 * MiB)
  socket.destroy()
})

test('each event of an event stream arrives when it is sent, not when the stream ends', async () => {
  let stream: ServerResponse | undefined
  const { gateway } = await behind((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    stream = res
  })
  const req = request(gateway.url)
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  expect(res.headers['content-type']).toBe('text/event-stream')
  for (let i = 0; i < 5; i += 1) {
    stream?.write(`data: ${i}\n\n`)
    expect(String((await once(res, 'data'))[0])).toBe(`data: ${i}\n\n`)
  }
  stream?.end()
  await once(res, 'end')
})

test('an event stream outlives the attempt timeout and the deadline', async () => {
  const { gateway } = await behind((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    setTimeout(() => res.end('data: late\n\n'), 400)
  }, ', timeout: 100ms, deadline: 200ms')
  expect(await ask(gateway.url)).toMatchObject({ status: 200, body: 'data: late\n\n' })
})

test('a client that leaves an event stream ends the call to the service, without blame', async () => {
  let ended = false
  const { gateway } = await behind((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    res.on('close', () => (ended = true))
  })
  const req = request(gateway.url)
  req.on('error', () => undefined)
  req.end()
  await once(req, 'response')
  req.destroy()
  await until('the service is told', () => ended)
  await until('the request is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ status: 499, error: 'CLIENT_GONE' })
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ failed: 0, state: 'closed' })
  expect(gateway.runtime.status().services[0]?.addresses[0]?.state).toBe('unknown')
})

test('a client that leaves before the answer ends the call to the service, and counts neither for breaker nor for health', async () => {
  let aborted = 0
  const { gateway } = await behind((req) => req.on('close', () => (aborted += 1)))
  for (let i = 0; i < 30; i += 1) {
    const req = request(gateway.url)
    req.on('error', () => undefined)
    req.end()
    await until('the call runs', () => inFlight(gateway) === 1)
    req.destroy()
    await until('the call has ended', () => inFlight(gateway) === 0)
  }
  await until('the service is told', () => aborted === 30)
  const { breakers, services } = gateway.runtime.status()
  expect(breakers[0]).toMatchObject({ state: 'closed', succeeded: 0, failed: 0 })
  expect(services[0]?.addresses[0]?.state).toBe('unknown')
  expect(await gateway.sample('integration_errors_total{service="files",error_type="client_gone"}')).toBe(30)
})

test('a client that leaves in the middle of its upload ends the call to the service, without blame', async () => {
  let broken = false
  const { gateway } = await behind((req) => {
    req.resume()
    req.on('error', () => (broken = true))
  })
  const socket = await open(gateway.port)
  socket.write(`PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: ${MiB}\r\n\r\nhalf`)
  await until('the call runs', () => inFlight(gateway) === 1)
  socket.destroy()
  await until('the service is told', () => broken)
  await until('the call has ended', () => inFlight(gateway) === 0)
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ failed: 0 })
})

test('a client that takes nothing of a large answer loses its connection after the send timeout', async () => {
  const { gateway } = await behind((_req, res) => res.end(Buffer.alloc(100 * MiB)), '', 'limits: { send_timeout: 300ms }')
  const socket = await open(gateway.port)
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until('the call has ended', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ error: 'CLIENT_TIMEOUT' })
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ failed: 0 })
  expect(gateway.runtime.status().connections).toBe(0)
  socket.destroy()
})

test('a client that takes none of many small answers loses its connection after the send timeout', async () => {
  const { gateway } = await behind((_req, res) => res.end(Buffer.alloc(100 * 1024)), '', 'limits: { send_timeout: 300ms }')
  const socket = await open(gateway.port)
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(200))
  await until('the connection is cut', () => gateway.runtime.status().connections === 0)
  await until('nothing runs', () => gateway.runtime.status().requestsInFlight === 0)
  socket.destroy()
})

test('a body that stalls is cut after the idle timeout', async () => {
  const { gateway } = await behind((_req, res) => void res.writeHead(200, { 'content-length': '10' }).write('half'), ', idle_timeout: 300ms')
  await expect(ask(gateway.url)).rejects.toThrow('aborted')
  await until('the request is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ status: 200, error: 'UPSTREAM_TIMEOUT' })
})

const reset = (socket: Socket): unknown => setTimeout(() => socket.resetAndDestroy(), 50)

test.each<[string, string, (socket: Socket) => unknown]>([
  ['chunked, and ended early', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', (socket) => socket.end()],
  ['chunked, and reset', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n', reset],
  ['of a length, and reset', 'content-length: 10\r\n\r\nhello', reset],
  ['ended by the connection, and reset', 'connection: close\r\n\r\nhello', reset],
])('a body that breaks off is not passed off as whole (%s)', async (_what, bytes, end) => {
  const broken = await startTcpUpstream((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${bytes}`)
      end(socket)
    })
  })
  cleanups.push(() => broken.close())
  const gateway = await startGateway(`
services: { files: { urls: ["${broken.url}"] } }
routing_rules: [{ path: /*, service: files }]
`)
  cleanups.push(() => gateway.close())
  const answer = await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', { untilClosed: true })
  expect(answer.closed).toBe(true)
  expect(answer.text).not.toMatch(/\r\n0\r\n/)
})

test('a body that is ended by the connection passes whole', async () => {
  const plain = await startTcpUpstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.0 200 OK\r\n\r\nfirst ')
      setTimeout(() => socket.end('second'), 50)
    })
  })
  cleanups.push(() => plain.close())
  const gateway = await startGateway(`
services: { files: { urls: ["${plain.url}"] } }
routing_rules: [{ path: /*, service: files }]
`)
  cleanups.push(() => gateway.close())
  expect(await ask(gateway.url)).toMatchObject({ status: 200, body: 'first second' })
})

test('a short body that the service did not read leaves the connection of the client usable', async () => {
  const { gateway } = await behind((_req, res) => res.writeHead(401).end('who are you'))
  const body = 'x'.repeat(20_000)
  const one = `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n`
  const answer = await raw(gateway.port, `${one}${body}${one}${body}`, { answers: 2 })
  expect(answer.text.match(/HTTP\/1.1 401/g)).toHaveLength(2)
})

/** Waits until a number has not changed for a while. */
async function settled(value: () => number): Promise<void> {
  let before = -1
  await until('the flow stops', async () => {
    const same = value() === before && before > 0
    before = value()
    await new Promise((resolve) => setTimeout(resolve, 150))
    return same
  })
}

test('an upload that takes longer than the timeout passes, as long as it keeps moving', async () => {
  const { gateway, upstream } = await behind((req, res) => {
    let bytes = 0
    req.on('data', (data: Buffer) => (bytes += data.length))
    req.on('end', () => res.end(String(bytes)))
  }, ', timeout: 300ms')
  const req = request(gateway.url, { method: 'PUT' })
  const answer = once(req, 'response') as Promise<IncomingMessage[]>
  for (let piece = 0; piece < 8; piece += 1) {
    req.write('x'.repeat(1000))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  req.end()
  const [res] = await answer
  expect(res?.statusCode).toBe(200)
  expect(upstream.seen).toHaveLength(1)
})
