import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { open, raw } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { freePort, startTcpUpstream, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function gatewayTo(url: string, rule = ''): Promise<TestGateway> {
  const gateway = await startGateway(`
services: { chat: { urls: ["${url}"] } }
routing_rules: [{ path: /*, service: chat, retries: 2, circuit_breaker: { threshold: 50% } ${rule} }]
`)
  cleanups.push(() => gateway.close())
  return gateway
}

async function webSocketServer(onConnection: (socket: WebSocket) => void) {
  const server = createServer()
  const sockets = new WebSocketServer({ server, handleProtocols: (protocols) => [...protocols][0] ?? false })
  sockets.on('connection', onConnection)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const client of sockets.clients) client.terminate()
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

const echo = (socket: WebSocket): void => {
  socket.on('message', (data, binary) => socket.send(data as Buffer, { binary }))
}

function clientOf(gateway: TestGateway, path = '/', protocols: string[] = []): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, protocols, { perMessageDeflate: false })
  client.on('error', () => undefined)
  cleanups.push(() => client.terminate())
  return client
}

const opened = (client: WebSocket): Promise<unknown> => once(client, 'open')

/** Status with which an upgrade is answered instead of 101. */
const refusal = (client: WebSocket): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> =>
  new Promise((resolve) => {
    client.on('unexpected-response', (_req, res) => {
      let body = ''
      res.on('data', (chunk: Buffer) => (body += chunk.toString()))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }))
    })
  })

test('messages pass both ways, and the sub-protocol that the service chose reaches the client', async () => {
  const { url } = await webSocketServer(echo)
  const gateway = await gatewayTo(url)
  const client = clientOf(gateway, '/room?a=1', ['chat.v2', 'chat.v1'])
  await opened(client)
  expect(client.protocol).toBe('chat.v2')
  client.send('hello')
  expect(String((await once(client, 'message'))[0])).toBe('hello')
  client.close(4001, 'done')
  expect(await once(client, 'close').then(([code]) => code as number)).toBe(4001)
  await until('the upgrade is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ status: 101, path: '/room', attempts: 1 })
})

test('a message of many megabytes passes whole, both ways', async () => {
  const { url } = await webSocketServer(echo)
  const gateway = await gatewayTo(url)
  const client = clientOf(gateway)
  await opened(client)
  const message = Buffer.alloc(20 * 1024 * 1024, 'headgate ')
  client.send(message)
  const [back] = (await once(client, 'message')) as [Buffer]
  expect(back.equals(message)).toBe(true)
})

test('everything that the service sent before it closed reaches a slow client, and is counted', async () => {
  const bytes = 8 * 1024 * 1024
  const brief = await startTcpUpstream((socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      socket.end(Buffer.alloc(bytes, 'x'))
    })
  })
  cleanups.push(() => brief.close())
  const gateway = await gatewayTo(brief.url)
  const socket = await open(gateway.port)
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  })
  socket.write(upgradeRequest)
  await once(socket, 'end')
  expect(received).toBeGreaterThan(bytes)
  socket.destroy()
  await until('the upgrade is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]?.bytesOut).toBe(bytes)
})

test('a receiver that does not read stops the sender instead of filling the memory of the gateway', async () => {
  let server: WebSocket | undefined
  const { url } = await webSocketServer((socket) => void (server = socket))
  const gateway = await gatewayTo(url)
  const client = clientOf(gateway)
  await opened(client)
  await until('the service is connected', () => server !== undefined)
  server?.pause()
  const total = 100 * 1024 * 1024
  const chunk = Buffer.alloc(1024 * 1024)
  for (let sent = 0; sent < total; sent += chunk.length) client.send(chunk)
  let before = -1
  await until('the client is stopped', async () => {
    const same = client.bufferedAmount === before
    before = client.bufferedAmount
    await new Promise((resolve) => setTimeout(resolve, 100))
    return same
  })
  // What has left the client lies in the buffers of four sockets.
  expect(total - client.bufferedAmount).toBeLessThan(40 * 1024 * 1024)
})

test('an upgrade to a dead service is answered 502, after the retries, and the gateway lives', async () => {
  const gateway = await gatewayTo(`http://127.0.0.1:${await freePort()}`)
  const answers = await Promise.all(Array.from({ length: 6 }, () => refusal(clientOf(gateway))))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 502))
  expect(answers[0]?.headers['content-type']).toBe('application/problem+json')
  expect(gateway.entries[0]?.attempts).toBe(3)
})

test('upgrades are refused while the circuit is open', async () => {
  const gateway = await gatewayTo(`http://127.0.0.1:${await freePort()}`)
  for (let i = 0; i < 7; i += 1) await refusal(clientOf(gateway))
  expect((await refusal(clientOf(gateway))).status).toBe(503)
  expect(gateway.runtime.status().breakers[0]?.state).toBe('open')
})

test('an answer other than 101 passes to the client, with its body', async () => {
  const upstream = await startUpstream((_req, res) => res.writeHead(403, { 'x-reason': 'closed' }).end('not for you'))
  cleanups.push(() => upstream.close())
  const gateway = await gatewayTo(upstream.url)
  expect(await refusal(clientOf(gateway))).toMatchObject({ status: 403, body: 'not for you', headers: { 'x-reason': 'closed' } })
})

test('an upgraded connection on which nothing passes is closed after the idle timeout', async () => {
  const { url, sockets } = await webSocketServer(echo)
  const gateway = await gatewayTo(url, ', idle_timeout: 300ms')
  const client = clientOf(gateway)
  await opened(client)
  await once(client, 'close')
  await until('the service has been told', () => sockets.clients.size === 0)
})

test('a client that vanishes frees the connection to the service', async () => {
  const { url, sockets } = await webSocketServer(echo)
  const gateway = await gatewayTo(url)
  const client = clientOf(gateway)
  await opened(client)
  client.terminate()
  await until('the service has been told', () => sockets.clients.size === 0)
  await until('the call has ended', () => gateway.runtime.status().services[0]?.addresses[0]?.inFlight === 0)
})

test('a client that vanishes before the service has answered ends the attempt without blame', async () => {
  const silent = await startTcpUpstream((socket) => socket.resume())
  cleanups.push(() => silent.close())
  const gateway = await gatewayTo(silent.url)
  const socket = await open(gateway.port)
  socket.write(upgradeRequest)
  await until('the call runs', () => gateway.runtime.status().services[0]?.addresses[0]?.inFlight === 1)
  socket.end()
  await until('the call has ended', () => gateway.runtime.status().services[0]?.addresses[0]?.inFlight === 0)
  await until('the request is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ status: 499, error: 'CLIENT_GONE' })
  expect(gateway.runtime.status().breakers[0]).toMatchObject({ failed: 0 })
})

test('a service that switches protocols without being asked is an invalid response', async () => {
  const rude = await startTcpUpstream((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nrubbish'))
  })
  cleanups.push(() => rude.close())
  const gateway = await gatewayTo(rude.url)
  expect((await fetch(gateway.url)).status).toBe(502)
})

test('closing the gateway ends open tunnels', async () => {
  const { url, sockets } = await webSocketServer(echo)
  const gateway = await gatewayTo(url)
  const client = clientOf(gateway)
  await opened(client)
  const closed = once(client, 'close')
  await gateway.close()
  await closed
  await until('the service has been told', () => sockets.clients.size === 0)
})

const upgradeRequest = [
  'GET / HTTP/1.1',
  'host: localhost',
  'connection: upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n')

test('a wish to upgrade behind an unanswered request is ignored: both requests get their answers, in order', async () => {
  const server = await startUpstream((_req, res, seen) => void setTimeout(() => res.end(seen.url), 20))
  cleanups.push(() => server.close())
  const gateway = await gatewayTo(server.url)
  const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const both = await raw(gateway.port, `GET /first HTTP/1.1\r\nhost: a\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n${upgrade}\r\nframes`, {
    untilClosed: true,
  })
  expect(both.text.match(/\/first|\/second|HTTP\/1.1 [0-9]+/g)).toEqual(['HTTP/1.1 200', '/first', 'HTTP/1.1 200', '/second'])
  expect(both.closed).toBe(true)
  expect(server.seen[1]?.headers.upgrade).toBeUndefined()
})

test('CONNECT behind an unanswered request ends the connection after the answer that is owed, and is not taken for it', async () => {
  const server = await startUpstream((_req, res) => void setTimeout(() => res.end('mine'), 20))
  cleanups.push(() => server.close())
  const gateway = await gatewayTo(server.url)
  const answer = await raw(gateway.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n', { untilClosed: true })
  expect(answer.status).toBe(200)
  expect(answer.body).toBe('mine')
  expect(answer.closed).toBe(true)
})
