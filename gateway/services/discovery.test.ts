import http from 'node:http'
import { afterEach, expect, test } from 'vitest'
import type { DnsConfig, ServiceConfig } from '../../config/model.ts'
import { logicalService } from './logical-service.ts'
import type { Service } from './service.ts'
import { dnsServer, type DnsServer, type Zone } from './test/dns-server.ts'
import { get, listening, patient, serviceConfig, testDeps, type TestDeps } from './test/fixtures.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const zoneServer = async (zone: Zone): Promise<DnsServer> => {
  const server = await dnsServer(zone)
  closing.push(() => server.close())
  return server
}

const found = async (
  dns: Partial<DnsConfig>,
  server?: DnsServer,
  changes: Partial<ServiceConfig> = {},
): Promise<{ service: Service; deps: TestDeps }> => {
  const deps = testDeps()
  const servers = server === undefined ? [] : [{ host: server.host, port: server.port }]
  const service = logicalService(serviceConfig({ dns: { name: 'users.internal', refreshMs: 20, servers, ...dns }, ...changes }), deps)
  closing.push(() => service.close())
  await service.ready
  return { service, deps }
}

const origins = (service: Service): readonly string[] =>
  service
    .status()
    .addresses.map((address) => address.origin)
    .toSorted()
const authorities = (service: Service): readonly string[] => service.status().addresses.map((address) => address.authority)

test('A and AAAA records are the addresses; the host sent is the DNS name', async () => {
  const server = await zoneServer({ 'users.internal': { a: ['10.0.0.1', '10.0.0.2'], aaaa: ['::1'] } })
  const { service } = await found({ port: 8080 }, server)
  expect(origins(service)).toEqual(['http://10.0.0.1:8080', 'http://10.0.0.2:8080', 'http://[::1]:8080'])
  expect(new Set(authorities(service))).toEqual(new Set(['users.internal:8080']))
})

test('the default port is left out, and port 443 means TLS', async () => {
  const server = await zoneServer({ 'users.internal': { a: ['10.0.0.1'] } })
  const plain = await found({ port: 80 }, server)
  expect(plain.service.status().addresses[0]).toMatchObject({ origin: 'http://10.0.0.1', authority: 'users.internal' })
  const secure = await found({ port: 443 }, server)
  expect(secure.service.status().addresses[0]).toMatchObject({ origin: 'https://10.0.0.1', authority: 'users.internal' })
})

test('a call reaches the address found and carries the DNS name as its host', async () => {
  const web = await listening(http.createServer((request, response) => response.end(request.headers.host)))
  closing.push(() => web.close())
  const server = await zoneServer({ 'users.internal': { a: ['127.0.0.1'] } })
  const { service } = await found({ port: web.port }, server)
  expect(await get(service.pick())).toEqual({ status: 200, body: `users.internal:${web.port}` })
})

test('names of the machine itself are resolved without DNS servers', async () => {
  const { service } = await found({ name: 'localhost', port: 9101 })
  expect(origins(service)).toContain('http://127.0.0.1:9101')
})

test('urls and dns together are both used', async () => {
  const server = await zoneServer({ 'users.internal': { a: ['10.0.0.1'] } })
  const { service } = await found({ port: 80 }, server, { urls: ['http://10.0.0.9:90'] })
  expect(service.pick().origin).toBe('http://10.0.0.9:90')
  await expect.poll(() => origins(service), patient).toEqual(['http://10.0.0.1', 'http://10.0.0.9:90'])
})

test('addresses that stay keep their pool and their health; new ones join, and those that are gone drain', async () => {
  const pending = Promise.withResolvers<http.ServerResponse>()
  const web = await listening(http.createServer((_request, response) => pending.resolve(response)))
  closing.push(() => web.close())
  const server = await zoneServer({ 'users.internal': { a: ['127.0.0.1', '127.0.0.2'] } })
  const { service } = await found({ port: web.port }, server, { passiveHealth: { failures: 1, ejectForMs: 60_000 } })
  const upstreams = [service.pick(), service.pick()]
  const leaving = upstreams.find((upstream) => upstream.origin.includes('127.0.0.1'))
  const staying = upstreams.find((upstream) => upstream !== leaving)
  if (leaving === undefined || staying === undefined) throw new Error('both addresses should be picked in turn')
  const call = get(leaving)
  const response = await pending.promise
  staying.begin()
  staying.end('failed')
  server.zone = { 'users.internal': { a: ['127.0.0.3', '127.0.0.2'] } }
  await expect.poll(() => origins(service), patient).toEqual([`http://127.0.0.2:${web.port}`, `http://127.0.0.3:${web.port}`])
  expect(service.status().addresses.find((address) => address.origin === staying.origin)?.state).toBe('ejected')
  response.end('finished')
  expect((await call).body).toBe('finished')
  await expect.poll(() => 'destroyed' in leaving.dispatcher && leaving.dispatcher.destroyed, patient).toBe(true)
})

for (const [title, broken] of [
  ['a failing server', { 'users.internal': 'servfail' }],
  ['a name that is gone', {}],
  ['an empty answer', { 'users.internal': {} }],
  ['a silent server', { 'users.internal': 'silent' }],
] satisfies [string, Zone][]) {
  test(`${title} does not take the last good answer away`, async () => {
    const good: Zone = { 'users.internal': { a: ['10.0.0.1'] } }
    const server = await zoneServer(good)
    const { service, deps } = await found({ port: 80 }, server)
    server.zone = broken
    await expect.poll(() => service.status().dns?.lastError, patient).toBeDefined()
    expect(origins(service)).toEqual(['http://10.0.0.1'])
    expect(service.status().dns?.lastOkAtMs).toBe(deps.clockMs)
    server.zone = good
    await expect.poll(() => service.status().dns?.lastError, patient).toBeUndefined()
    expect(deps.logged).toEqual(['the DNS look-up failed; the last good answer stays in use', 'the DNS name is resolved again'])
  })
}

test('a name that cannot be resolved at the start is tried again soon, however long the refresh time is', async () => {
  const server = await zoneServer({})
  const { service, deps } = await found({ port: 80, refreshMs: 3_600_000 }, server)
  expect(() => service.pick()).toThrow('No address of the service is known')
  server.zone = { 'users.internal': { a: ['10.0.0.1'] } }
  await expect.poll(() => origins(service), patient).toEqual(['http://10.0.0.1'])
  expect(deps.logged).toEqual(['the DNS name cannot be resolved', 'the DNS name is resolved again'])
})

test('a silent DNS server holds the start up for about one second, not longer', async () => {
  const server = await zoneServer({ 'users.internal': 'silent' })
  const startedAtMs = performance.now()
  await found({ port: 80 }, server)
  expect(performance.now() - startedAtMs).toBeLessThan(2_000)
})

const srv = (target: string, port: number, priority = 0, weight = 0): { priority: number; weight: number; port: number; target: string } => ({
  priority,
  weight,
  port,
  target,
})

test('SRV records give ports, only the lowest priority is used, and each address has the name of its target', async () => {
  const server = await zoneServer({
    '_http._tcp.users.internal': { srv: [srv('a.internal', 8081), srv('b.internal', 8082), srv('c.internal', 8083, 10)] },
    'a.internal': { a: ['10.0.0.1'] },
    'b.internal': { a: ['10.0.0.2', '10.0.0.3'] },
    'c.internal': { a: ['10.0.0.4'] },
  })
  const { service } = await found({ name: '_http._tcp.users.internal' }, server)
  expect(origins(service)).toEqual(['http://10.0.0.1:8081', 'http://10.0.0.2:8082', 'http://10.0.0.3:8082'])
  expect(authorities(service)).toEqual(['a.internal:8081', 'b.internal:8082', 'b.internal:8082'])
})

test('SRV weights share out the calls', async () => {
  const server = await zoneServer({
    '_http._tcp.users.internal': { srv: [srv('a.internal', 80, 0, 60), srv('b.internal', 80, 0, 20)] },
    'a.internal': { a: ['10.0.0.1'] },
    'b.internal': { a: ['10.0.0.2'] },
  })
  const { service } = await found({ name: '_http._tcp.users.internal', refreshMs: 60_000 }, server)
  const picked = Array.from({ length: 80 }, () => service.pick().origin)
  expect(picked.filter((origin) => origin === 'http://10.0.0.1').length).toBe(60)
})

test('an SRV target that cannot be resolved for a while keeps its addresses', async () => {
  const records = { '_http._tcp.users.internal': { srv: [srv('a.internal', 81), srv('b.internal', 82)] }, 'a.internal': { a: ['10.0.0.1'] } }
  const server = await zoneServer({ ...records, 'b.internal': { a: ['10.0.0.2'] } })
  const { service } = await found({ name: '_http._tcp.users.internal' }, server)
  server.zone = { ...records, 'a.internal': { a: ['10.0.0.9'] }, 'b.internal': 'servfail' }
  await expect.poll(() => origins(service), patient).toEqual(['http://10.0.0.2:82', 'http://10.0.0.9:81'])
})

test('closing ends the look-ups', async () => {
  const server = await zoneServer({ 'users.internal': { a: ['10.0.0.1'] } })
  const { service } = await found({ port: 80, refreshMs: 1 }, server)
  await service.close()
  const asked = server.asked.length
  const later = await dnsServer({ 'users.internal': { a: ['10.0.0.2'] } })
  closing.push(() => later.close())
  await found({ port: 80 }, later)
  expect(server.asked.length).toBeLessThanOrEqual(asked + 2)
  expect(origins(service)).toEqual([])
})
