import { afterEach, expect, test } from 'vitest'
import { ask, askMany } from './kit/ask.ts'
import { startGateway } from './kit/gateway.ts'
import { until } from './kit/until.ts'
import { startTcpUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test('calls that time out while they wait for a connection hold their places, so that max_pending bounds what waits', async () => {
  // Accepts, and never answers the TLS handshake: the connection is never there.
  const silent = await startTcpUpstream((socket) => socket.resume())
  cleanups.push(() => silent.close())
  const gateway = await startGateway(`
services: { a: { urls: ["https://127.0.0.1:${silent.port}"], max_connections: 2, max_pending: 6, connect_timeout: 10s } }
routing_rules: [{ path: /*, service: a, timeout: 30ms }]
`)
  cleanups.push(() => gateway.close())
  const inFlight = (): number | undefined => gateway.runtime.status().services[0]?.addresses[0]?.inFlight
  expect(await askMany(8, () => ask(`${gateway.url}/`))).toEqual({ 504: 8 })
  expect(await askMany(4, () => ask(`${gateway.url}/`))).toEqual({ 503: 4 })
  expect(inFlight()).toBe(8)
  expect(gateway.runtime.status().requestsInFlight).toBe(0)
  await silent.close()
  await until('every waiting call has been let go', () => inFlight() === 0)
})
