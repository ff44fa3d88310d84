import { Agent } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { type Asked, ask, askMany } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { open } from './kit/raw.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, freePort, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function upstream(handler?: Parameters<typeof startUpstream>[0]): Promise<TestUpstream> {
  const server = await startUpstream(handler)
  cleanups.push(() => server.close())
  return server
}

async function started(yaml: string): Promise<TestGateway> {
  const gateway = await startGateway(yaml)
  cleanups.push(() => gateway.close())
  return gateway
}

/** Asks without a pause, on a few connections, until it is stopped. */
function load(url: string, connections: number): { stop(): Promise<{ readonly answers: number; readonly failed: readonly unknown[] }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const failed: unknown[] = []
  let answers = 0
  let stopped = false
  const client = async (): Promise<void> => {
    while (!stopped) {
      const answer: Asked | Error = await ask(url, { agent }).catch((error: unknown) => error as Error)
      if (answer instanceof Error || answer.status !== 200) failed.push(answer)
      else answers += 1
    }
  }
  const clients = Array.from({ length: connections }, client)
  return {
    stop: async () => {
      stopped = true
      await Promise.all(clients)
      agent.destroy()
      return { answers, failed }
    },
  }
}

test('100 reloads under load fail no request, and what did not change lives on', async () => {
  const steady = await upstream()
  const changing = [await upstream(), await upstream()]
  const listener = await freePort()
  const yaml = (round: number): string => `
listeners: { main: { address: "127.0.0.1:${listener}" } }
services:
  steady: { urls: ["${steady.url}"], max_connections: 4 }
  changing: { urls: ["${changing[round % 2]?.url}"] }
routing_rules:
  - { path: /steady, service: steady, retries: 1, circuit_breaker: { threshold: 50% } }
  - { path: /changing, service: changing, retries: 1, circuit_breaker: { threshold: 50% } }
  - { path: /extra-${round}, service: steady }
`
  const gateway = await started(yaml(0))
  const loads = [load(`${gateway.url}/steady`, 4), load(`${gateway.url}/changing`, 4)]
  await until('there is load', () => gateway.entries.length > 50)
  const connections = steady.connections()
  const breaker = gateway.runtime.status().breakers.find(({ service }) => service === 'steady')
  for (let round = 1; round <= 100; round += 1) {
    const before = gateway.entries.length
    await gateway.apply(yaml(round))
    await until('requests went through this generation', () => gateway.entries.length > before + 3)
  }
  const results = await Promise.all(loads.map((one) => one.stop()))
  expect(results.flatMap(({ failed }) => failed)).toEqual([])
  expect(results.every(({ answers }) => answers > 100)).toBe(true)
  expect(gateway.runtime.status().generation).toBe(101)
  expect(steady.connections()).toBe(connections)
  const after = gateway.runtime.status().breakers.find(({ service }) => service === 'steady')
  expect((after?.succeeded ?? 0) + (after?.failed ?? 0)).toBeGreaterThan(breaker?.succeeded ?? Infinity)
  expect(await gateway.sample('headgate_requests_total{route="/steady",method="GET",code="200"}')).toBe(results[0]?.answers)
  expect(await gateway.metrics()).not.toContain('/extra-99"')
})

test('an open circuit and an ejected address stay so over a reload that does not concern them', async () => {
  const broken = await upstream((_req, res) => void res.writeHead(500).end())
  const alive = await upstream()
  const yaml = (extra: string): string => `
services:
  a: { urls: ["${broken.url}"] }
  b: { urls: ["${alive.url}", "http://127.0.0.1:1"], passive_health: { failures: 1, eject_for: 60s } }
routing_rules:
  - { path: /a, service: a, circuit_breaker: { threshold: 50%, volume: 2 } }
  - { path: /b, service: b, retries: 1 }
  ${extra}
`
  const gateway = await started(yaml(''))
  await askMany(2, () => ask(`${gateway.url}/a`))
  await askMany(4, () => ask(`${gateway.url}/b`))
  const seen = (): unknown => {
    const { breakers, services } = gateway.runtime.status()
    return [breakers.map(({ state }) => state), services[1]?.addresses.map(({ state }) => state)]
  }
  expect(seen()).toEqual([['open'], ['unknown', 'ejected']])
  await gateway.apply(yaml('- { path: /c, service: b }'))
  expect(seen()).toEqual([['open'], ['unknown', 'ejected']])
  await gateway.apply(yaml('').replace('volume: 2', 'volume: 3'))
  expect(seen()).toEqual([['closed'], ['unknown', 'ejected']])
})

test('a request that runs while its service is taken out of the configuration is answered', async () => {
  let release: (() => void) | undefined
  const old = await upstream((_req, res) => void (release = () => res.end('old')))
  const next = await upstream((_req, res) => void res.end('next'))
  const listener = await freePort()
  const yaml = (url: string): string => `
listeners: { main: { address: "127.0.0.1:${listener}" } }
services: { a: { urls: ["${url}"] } }
routing_rules: [{ path: /, service: a }]
`
  const gateway = await started(yaml(old.url))
  const running = ask(gateway.url)
  await until('the request is with the service', () => release !== undefined)
  await gateway.apply(yaml(next.url))
  expect(await ask(gateway.url)).toMatchObject({ body: 'next' })
  release?.()
  expect(await running).toMatchObject({ status: 200, body: 'old' })
})

test('a generation that cannot be built leaves the old one serving', async () => {
  const alive = await upstream()
  const taken = await upstream()
  const yaml = `
services: { a: { urls: ["${alive.url}"] } }
routing_rules: [{ path: /, service: a }]
`
  const gateway = await started(yaml)
  for (let round = 0; round < 100; round += 1) {
    await expect(
      gateway.apply(`${yaml}\nlisteners: { main: { address: "127.0.0.1:${gateway.port}" }, other: { address: "127.0.0.1:${taken.port}" } }`),
    ).rejects.toThrow('EADDRINUSE')
  }
  expect(await ask(gateway.url)).toMatchObject({ status: 200 })
  expect(gateway.runtime.status().generation).toBe(1)
})

test('200 reloads leave as many sockets, timers and listeners as the first', async () => {
  const alive = await upstream()
  const yaml = (round: number): string => `
services:
  a: { urls: ["${alive.url}"], health_check: { path: /, interval: 60s } }
  changing: { urls: ["${alive.url}"], connect_timeout: ${round + 1}ms, health_check: { path: /, interval: 60s } }
routing_rules:
  - { path: /a, service: a, retries: 1, circuit_breaker: { threshold: 50% } }
  - { path: /changing, service: changing, retries: 1, circuit_breaker: { threshold: ${1 + (round % 99)}% } }
shutdown: { drain_timeout: 10m }
`
  const gateway = await started(yaml(0))
  const round = async (index: number): Promise<void> => {
    await gateway.apply(yaml(index))
    await ask(`${gateway.url}/a`)
    await ask(`${gateway.url}/changing`)
  }
  await round(1)
  const first = await resources()
  for (let index = 2; index <= 200; index += 1) await round(index)
  await until('all is as after the first reload', async () => {
    const now = await resources()
    return now.sockets <= first.sockets + 2 && now.timers <= first.timers + 4 && now.listeners <= first.listeners
  })
})

interface Resources {
  readonly sockets: number
  readonly timers: number
  readonly listeners: number
}

async function resources(): Promise<Resources> {
  await new Promise((resolve) => setTimeout(resolve, 20))
  const active = process.getActiveResourcesInfo()
  const names = process.eventNames()
  return {
    sockets: active.filter((kind) => kind.startsWith('TCP')).length,
    timers: active.filter((kind) => kind === 'Timeout').length,
    listeners: names.reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}

test('a listener that moves takes connections at its new place, and answers what came to the old one', async () => {
  let release: (() => void) | undefined
  const alive = await upstream((req, res) => void (req.url === '/slow' ? (release = () => res.end('slow')) : res.end('quick')))
  const [from, to] = [await freePort(), await freePort()]
  const yaml = (port: number): string => `
listeners: { main: { address: "127.0.0.1:${port}" } }
services: { a: { urls: ["${alive.url}"] } }
routing_rules: [{ path: /*, service: a }]
`
  const gateway = await started(yaml(from))
  const idle = await open(from)
  const running = ask(`${gateway.url}/slow`)
  await until('the request is with the service', () => release !== undefined)
  await gateway.apply(yaml(to))
  expect(await ask(`http://127.0.0.1:${to}/`)).toMatchObject({ body: 'quick' })
  release?.()
  expect(await running).toMatchObject({ body: 'slow' })
  await expect(ask(`http://127.0.0.1:${from}/`)).rejects.toThrow('ECONNREFUSED')
  idle.destroy()
})

test('a listener that only changes its name keeps its connections, and two may exchange their names', async () => {
  const [first, second] = [await freePort(), await freePort()]
  const rules = 'routing_rules: [{ path: /, respond: { body: here } }]'
  const named = (one: string, two: string): string =>
    `${rules}\nlisteners: { ${one}: { address: "127.0.0.1:${first}" }, ${two}: { address: "127.0.0.1:${second}" } }`
  const gateway = await startGateway(named('a', 'b'))
  cleanups.push(() => gateway.close())
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  cleanups.push(() => agent.destroy())
  const listenerNamed = async (): Promise<string | undefined> => {
    expect((await ask(`http://127.0.0.1:${first}/`, { agent })).body).toBe('here')
    return gateway.entries.at(-1)?.listener
  }
  expect(await listenerNamed()).toBe('a')
  await gateway.apply(named('b', 'a'))
  expect(await listenerNamed()).toBe('b')
  await gateway.apply(named('edge', 'inner'))
  expect(await listenerNamed()).toBe('edge')
  expect(gateway.runtime.status().connections).toBe(1)
  expect(gateway.runtime.listeners.map(({ name, port }) => [name, port])).toEqual([
    ['edge', first],
    ['inner', second],
  ])
})

test('shutdown waits for what a listener still answers that an earlier reload has moved', async () => {
  let release: (() => void) | undefined
  const alive = await upstream((_req, res) => (release = () => void res.end('slow')))
  const [from, to] = [await freePort(), await freePort()]
  const yaml = (port: number): string => `
listeners: { main: { address: "127.0.0.1:${port}" } }
services: { a: { urls: ["${alive.url}"] } }
routing_rules: [{ path: /*, service: a }]
`
  const gateway = await started(yaml(from))
  const running = ask(`${gateway.url}/slow`)
  await until('the request is with the service', () => release !== undefined)
  await gateway.apply(yaml(to))
  let drained = false
  const drain = gateway.runtime.drain().then((result) => {
    drained = true
    return result
  })
  await expect(ask(`http://127.0.0.1:${to}/`)).rejects.toThrow('ECONNREFUSED')
  await new Promise((resolve) => setImmediate(resolve))
  expect(drained).toBe(false)
  release?.()
  expect(await running).toMatchObject({ body: 'slow' })
  expect(await drain).toEqual({ drained: true })
})
