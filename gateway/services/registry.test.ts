import { createHook } from 'node:async_hooks'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildServices } from './registry.ts'
import type { Service } from './service.ts'
import { dnsServer, type DnsServer } from './test/dns-server.ts'
import { get, listening, patient, serviceConfig, testDeps, type TestServer } from './test/fixtures.ts'

let web: TestServer
let connections = 0
let names: DnsServer
beforeAll(async () => {
  const server = http.createServer((_request, response) => response.end('ok'))
  server.on('connection', (socket) => {
    connections += 1
    socket.on('close', () => (connections -= 1))
  })
  web = await listening(server)
  names = await dnsServer({ 'users.internal': { a: ['127.0.0.1'] } })
})
afterAll(async () => {
  await web.close()
  await names.close()
})

const none: ReadonlyMap<string, Service> = new Map()

test('a service with equal settings is the same object in the next generation, with its pools, health and counters', async () => {
  const deps = testDeps()
  const urls = ['http://10.0.0.1', 'http://10.0.0.2']
  const passiveHealth = { failures: 1, ejectForMs: 60_000 }
  const first = buildServices([serviceConfig({ urls, passiveHealth })], none, deps)
  const upstream = first.services.get('users')?.pick()
  upstream?.begin()
  upstream?.end('failed')
  const second = buildServices([serviceConfig({ urls: [...urls], passiveHealth: { ...passiveHealth } })], first.services, deps)
  expect(second.services.get('users')).toBe(first.services.get('users'))
  expect(second.added).toEqual([])
  expect(second.dropped).toEqual([])
  expect(
    second.services
      .get('users')
      ?.status()
      .addresses.map((address) => address.state),
  ).toEqual(['ejected', 'unknown'])
  await Promise.all([...second.services.values()].map((service) => service.close()))
})

test('changed and removed services are dropped, changed and new ones added, the others kept', async () => {
  const deps = testDeps()
  const named = (name: string, url: string): ReturnType<typeof serviceConfig> => serviceConfig({ name, urls: [url] })
  const first = buildServices(
    [named('kept', 'http://10.0.0.1'), named('changed', 'http://10.0.0.2'), named('removed', 'http://10.0.0.3')],
    none,
    deps,
  )
  const second = buildServices(
    [named('kept', 'http://10.0.0.1'), named('changed', 'http://10.0.0.4'), named('new', 'http://10.0.0.5')],
    first.services,
    deps,
  )
  expect(second.dropped.map((service) => service.name)).toEqual(['changed', 'removed'])
  expect(second.added.map((service) => service.name)).toEqual(['changed', 'new'])
  expect(second.services.get('kept')).toBe(first.services.get('kept'))
  expect(second.services.get('changed')?.pick().origin).toBe('http://10.0.0.4')
  await Promise.all([...second.dropped, ...second.services.values()].map((service) => service.close()))
})

test('TLS material that cannot be used stops the build', () => {
  const broken = serviceConfig({ name: 'broken', urls: ['https://10.0.0.2'], tls: { verify: true, cert: 'no certificate' } })
  expect(() => buildServices([serviceConfig({ urls: ['http://10.0.0.1'] }), broken], none, testDeps())).toThrow(/PEM|no start line/i)
})

test('200 generations with pools, probes and look-ups leave no timers, sockets or servers behind', async () => {
  const deps = testDeps()
  const healthCheck = { path: '/health', intervalMs: 60_000, timeoutMs: 1_000, healthyAfter: 1, unhealthyAfter: 3 }
  const dns = { name: 'users.internal', port: web.port, refreshMs: 60_000, servers: [{ host: names.host, port: names.port }] }
  // Every other generation is closed before its first look-up and probe have ended.
  const generation = async (number: number): Promise<void> => {
    const { services } = buildServices([serviceConfig({ name: `users-${number}`, urls: [web.origin], dns, healthCheck })], none, deps)
    for (const service of services.values()) {
      if (number % 2 === 0) await get(service.pick())
      await service.close()
      await service.close()
    }
  }
  for (let warmUp = 0; warmUp < 5; warmUp += 1) await generation(warmUp)
  await expect.poll(() => connections, patient).toBe(0)
  const before = resources()
  const timers = new Set<number>()
  const hook = createHook({ init: (id, kind) => void (kind === 'Timeout' && timers.add(id)), destroy: (id) => void timers.delete(id) }).enable()
  for (let number = 0; number < 200; number += 1) await generation(number)
  await expect.poll(() => connections, patient).toBe(0)
  await expect.poll(resources, patient).toEqual(before)
  await expect.poll(() => timers.size, patient).toBeLessThan(10)
  hook.disable()
})

/** Counts by kind, of what services could leave; vitest's own pipes come and go, and unref'd timers do not show here. */
const resources = (): Record<string, number> => {
  const counts: Record<string, number> = { TCPSocketWrap: 0, UDPWrap: 0, TLSWrap: 0, TCPServerWrap: 0, QueryReqWrap: 0, GetAddrInfoReqWrap: 0 }
  for (const kind of process.getActiveResourcesInfo()) if (kind in counts) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

test('nothing of a running service keeps the process alive', async () => {
  const script = `
    const { buildServices } = await import(${JSON.stringify(new URL('registry.ts', import.meta.url).href)})
    const log = { debug() {}, info() {}, warn() {}, error() {} }
    const base = { loadBalancing: 'random', connectTimeoutMs: 1000, maxConnections: 1, maxPending: 1, hostHeader: 'upstream' }
    const healthCheck = { path: '/', intervalMs: 3600000, timeoutMs: 1000, healthyAfter: 1, unhealthyAfter: 3 }
    const dns = { name: '127.0.0.1', port: 9, refreshMs: 3600000, servers: [] }
    const users = { ...base, name: 'users', urls: ['http://127.0.0.1:9'], dns, healthCheck }
    buildServices([users], new Map(), { log, now: Date.now, random: Math.random })
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'inherit'], timeout: 15_000 })
  expect(await once(child, 'exit')).toEqual([0, null])
})
