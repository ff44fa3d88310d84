import { once } from 'node:events'
import { Agent } from 'node:http'
import type { ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { ask, askMany } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { open } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function holding(shutdown = ''): Promise<{ gateway: TestGateway; held: ServerResponse[] }> {
  const held: ServerResponse[] = []
  const upstream = await startUpstream((req, res) => void (req.url === '/quick' ? res.end('quick') : held.push(res)))
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"] } }
routing_rules: [{ path: /*, service: a }]
shutdown: { ${shutdown} }
`)
  cleanups.push(() => gateway.close())
  return { gateway, held }
}

test('200 requests in flight at shutdown are all answered, and then the connections are closed', async () => {
  const { gateway, held } = await holding()
  const agent = new Agent({ keepAlive: true })
  cleanups.push(() => agent.destroy())
  const answers = askMany(200, () => ask(gateway.url, { agent }))
  await until('all are with the service', () => held.length === 200)
  const drained = gateway.runtime.drain()
  await until('the gateway drains', () => gateway.runtime.status().draining)
  for (const res of held) res.end('done')
  expect(await answers).toEqual({ 200: 200 })
  expect(await drained).toEqual({ drained: true })
  await until('no connection is left', () => gateway.runtime.status().connections === 0)
})

test('answers during the drain tell the client that the connection ends', async () => {
  const { gateway, held } = await holding()
  const agent = new Agent({ keepAlive: true })
  cleanups.push(() => agent.destroy())
  const answer = ask(gateway.url, { agent })
  await until('it is with the service', () => held.length === 1)
  const drained = gateway.runtime.drain()
  held[0]?.end('done')
  expect((await answer).headers.connection).toBe('close')
  await drained
})

test('idle connections, used or never used, are closed at once', async () => {
  const { gateway } = await holding()
  const agent = new Agent({ keepAlive: true })
  cleanups.push(() => agent.destroy())
  await ask(`${gateway.url}/quick`, { agent })
  const unused = await open(gateway.port)
  unused.resume()
  await until('both are open', () => gateway.runtime.status().connections === 2)
  const startedAtMs = performance.now()
  expect(await gateway.runtime.drain()).toEqual({ drained: true })
  expect(performance.now() - startedAtMs).toBeLessThan(2000)
})

test('a request that comes in the delay before the listeners close is served', async () => {
  const { gateway } = await holding('delay: 300ms')
  const drained = gateway.runtime.drain()
  expect(await ask(`${gateway.url}/quick`)).toMatchObject({ status: 200 })
  await drained
  await expect(ask(`${gateway.url}/quick`)).rejects.toThrow('ECONNREFUSED')
})

test('what does not end within the drain timeout is cut, and that is reported', async () => {
  const { gateway, held } = await holding('drain_timeout: 300ms')
  const answer = ask(gateway.url).catch((error: unknown) => error)
  await until('it is with the service', () => held.length === 1)
  expect(await gateway.runtime.drain()).toEqual({ drained: false })
  expect(await answer).toBeInstanceOf(Error)
})

test('an open WebSocket holds the drain until its timeout, and is cut then', async () => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  cleanups.push(() => sockets.close())
  const gateway = await startGateway(`
services: { a: { urls: ["http://127.0.0.1:${(sockets.address() as { port: number }).port}"] } }
routing_rules: [{ path: /*, service: a }]
shutdown: { drain_timeout: 300ms }
`)
  cleanups.push(() => gateway.close())
  const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/`)
  await once(client, 'open')
  const closed = once(client, 'close')
  expect(await gateway.runtime.drain()).toEqual({ drained: false })
  await closed
})
