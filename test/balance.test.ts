import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { ask, askMany } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, freePort, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function upstream(handler?: (req: IncomingMessage, res: ServerResponse) => void): Promise<TestUpstream> {
  const server = await startUpstream(handler)
  cleanups.push(() => server.close())
  return server
}

async function started(yaml: string): Promise<TestGateway> {
  const gateway = await startGateway(yaml)
  cleanups.push(() => gateway.close())
  return gateway
}

test('round robin gives every address its turn', async () => {
  const servers = [await upstream(), await upstream(), await upstream()]
  const gateway = await started(`
services: { a: { urls: ${JSON.stringify(servers.map(({ url }) => url))} } }
routing_rules: [{ path: /*, service: a }]
`)
  for (let i = 0; i < 30; i += 1) await ask(gateway.url)
  expect(servers.map(({ seen }) => seen.length)).toEqual([10, 10, 10])
})

test('least requests leaves a slow address alone', async () => {
  const held: ServerResponse[] = []
  const slow = await upstream((_req, res) => void held.push(res))
  const quick = await upstream()
  const gateway = await started(`
services: { a: { urls: ["${slow.url}", "${quick.url}"], load_balancing: least_requests } }
routing_rules: [{ path: /*, service: a }]
`)
  const first = askMany(2, () => ask(gateway.url))
  await until('the slow address has a call', () => held.length === 1)
  for (let i = 0; i < 20; i += 1) await ask(gateway.url)
  expect(slow.seen).toHaveLength(1)
  held[0]?.end()
  await first
})

test('a split sends each service its share, and a weight of zero nothing', async () => {
  const [most, some, none] = [await upstream(), await upstream(), await upstream()]
  const gateway = await started(`
services: { most: { urls: ["${most?.url}"] }, some: { urls: ["${some?.url}"] }, none: { urls: ["${none?.url}"] } }
routing_rules: [{ path: /*, split: [{ service: most, weight: 90 }, { service: some, weight: 10 }, { service: none, weight: 0 }] }]
`)
  for (let i = 0; i < 10; i += 1) await askMany(100, () => ask(gateway.url))
  expect(none?.seen).toHaveLength(0)
  // 1000 draws at 10 %: a share outside of this is less likely than one in a billion.
  expect(some?.seen.length).toBeGreaterThan(40)
  expect(some?.seen.length).toBeLessThan(170)
  expect((most?.seen.length ?? 0) + (some?.seen.length ?? 0)).toBe(1000)
})

test('each branch of a split has a circuit of its own', async () => {
  const broken = await upstream((_req, res) => void res.writeHead(500).end())
  const well = await upstream()
  const gateway = await started(`
services: { broken: { urls: ["${broken.url}"] }, well: { urls: ["${well.url}"] } }
routing_rules:
  - path: /*
    circuit_breaker: { threshold: 50%, volume: 5 }
    split: [{ service: broken, weight: 50 }, { service: well, weight: 50 }]
`)
  await askMany(100, () => ask(gateway.url))
  const states = Object.fromEntries(gateway.runtime.status().breakers.map(({ service, state }) => [service, state]))
  expect(states).toEqual({ broken: 'open', well: 'closed' })
})

test('a mirror gets a copy of requests and of short bodies, and the client only ever the answer of the service', async () => {
  const service = await upstream((_req, res) => void res.end('real'))
  const shadow = await upstream((_req, res) => void res.writeHead(500).end('shadow'))
  const gateway = await started(`
services: { a: { urls: ["${service.url}"] }, shadow: { urls: ["${shadow.url}"] } }
routing_rules: [{ path: /*, service: a, mirror: { service: shadow }, circuit_breaker: { threshold: 1%, volume: 1 } }]
`)
  expect(await ask(`${gateway.url}/x?y=1`)).toMatchObject({ status: 200, body: 'real' })
  expect(await ask(`${gateway.url}/x`, { method: 'POST', body: 'content' })).toMatchObject({ status: 200, body: 'real' })
  await until('the copies are there', () => shadow.seen.length === 2 && shadow.seen[1]?.body === 'content')
  expect(shadow.seen[0]).toMatchObject({ method: 'GET', url: '/x?y=1', headers: { host: `127.0.0.1:${shadow.port}` } })
  expect(gateway.runtime.status().breakers.map(({ state }) => state)).toEqual(['closed'])
  await ask(gateway.url, { method: 'PUT', body: 'x'.repeat(100_000) })
  expect(service.seen).toHaveLength(3)
  expect(shadow.seen).toHaveLength(2)
})

test('a mirror that is dead, or never answers, costs the client nothing and does not pile up', async () => {
  const service = await upstream()
  const silent = await upstream(() => undefined)
  for (const url of [`http://127.0.0.1:${await freePort()}`, silent.url]) {
    const gateway = await started(`
services: { a: { urls: ["${service.url}"] }, shadow: { urls: ["${url}"] } }
routing_rules: [{ path: /*, service: a, timeout: 300ms, mirror: { service: shadow } }]
`)
    for (let i = 0; i < 5; i += 1) expect(await askMany(100, () => ask(gateway.url))).toEqual({ 200: 100 })
    const shadow = gateway.runtime.status().services.find(({ name }) => name === 'shadow')
    expect(shadow?.addresses[0]?.inFlight).toBeLessThanOrEqual(256)
    await until('no copy runs', () => gateway.runtime.status().services.every(({ addresses }) => addresses.every(({ inFlight }) => inFlight === 0)))
  }
})

test('a share of the requests is mirrored', async () => {
  const service = await upstream()
  const shadow = await upstream()
  const gateway = await started(`
services: { a: { urls: ["${service.url}"] }, shadow: { urls: ["${shadow.url}"] } }
routing_rules: [{ path: /*, service: a, mirror: { service: shadow, percent: 20% } }]
`)
  for (let i = 0; i < 10; i += 1) await askMany(100, () => ask(gateway.url))
  expect(shadow.seen.length).toBeGreaterThan(110)
  expect(shadow.seen.length).toBeLessThan(310)
})

test('an address whose calls keep failing is taken out, and comes back', async () => {
  const well = await upstream()
  const port = await freePort()
  const gateway = await started(`
services: { a: { urls: ["${well.url}", "http://127.0.0.1:${port}"], passive_health: { failures: 2, eject_for: 500ms } } }
routing_rules: [{ path: /*, service: a, retries: 1 }]
`)
  const sick = () => gateway.runtime.status().services[0]?.addresses.find(({ origin }) => origin.endsWith(`:${port}`))
  while (sick()?.state !== 'ejected') expect((await ask(gateway.url)).status).toBe(200)
  const retries = await gateway.sample('headgate_retries_total{service="a"}')
  await askMany(20, () => ask(gateway.url))
  expect(await gateway.sample('headgate_retries_total{service="a"}')).toBe(retries)
  const healed = await startUpstream(undefined, { port })
  cleanups.push(() => healed.close())
  await until('the address is back', () => sick()?.state !== 'ejected')
  await askMany(10, () => ask(gateway.url))
  expect(healed.seen.length).toBeGreaterThan(0)
})
