import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { until } from '../kit/until.ts'
import { freePort, startUpstream } from '../kit/upstream.ts'
import type { TestUpstream } from '../kit/upstream.ts'

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
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const gateway = await startGateway(yaml, folder)
  cleanups.push(() => gateway.close())
  return gateway
}

const send = (url: string, path: string, body = '{}'): Promise<Response> =>
  fetch(`${url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })

const settledBy = ({ runtime }: TestGateway, name: string): number | undefined =>
  runtime.status().consumers.find((consumer) => consumer.name === name)?.settled.ack

test('a reload that fails leaves queues and statuses as they were', async () => {
  const target = await upstream()
  const occupied = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => occupied.once('listening', resolve))
  cleanups.push(() => occupied.close())
  const { port } = occupied.address() as { port: number }
  const listener = await freePort()
  const yaml = (more: string): string => `
queues:
  kept: { type: direct, durable: true }
  ${more === '' ? 'going: { type: direct, durable: true }' : 'coming: { type: direct, durable: true }'}
consumers:
  keeper: { queue: kept, deliver_to: { service: target, path: /kept } }
services: { target: { urls: ["${target.url}"] } }
routing_rules:
  - { path: /kept, methods: [POST], queue: kept }
  - { path: /other, methods: [POST], queue: ${more === '' ? 'going' : 'coming'} }
listeners: { main: { address: "127.0.0.1:${listener}" }${more === '' ? '' : `, taken: { address: "127.0.0.1:${port}" }`} }
${more}`
  const gateway = await started(yaml(''))
  const { url } = gateway
  const taken = await send(url, '/other')
  expect(taken.status).toBe(202)
  await expect(gateway.apply(yaml('messaging: { store: elsewhere.db }'))).rejects.toThrow('EADDRINUSE')
  expect((await send(url, '/other')).status).toBe(202)
  expect((await send(url, '/kept')).status).toBe(202)
  expect((await fetch(`${url}${taken.headers.get('location')}`)).status).toBe(200)
  await until('the consumer goes on', () => settledBy(gateway, 'keeper') === 1)
})

test('60 reloads under load lose no message, handle none twice, and leave nothing open', async () => {
  const handled: string[] = []
  const addresses = await Promise.all([1, 2].map(() => upstream((_req, res, { body }) => setTimeout(() => res.end(String(handled.push(body))), 3))))
  const listener = await freePort()
  const yaml = (round: number): string => `
listeners: { main: { address: "127.0.0.1:${listener}" } }
queues:
  steady: { type: direct, durable: true }
  changing: { type: direct, durable: true, max_length: ${100_000 + (round % 3)} }
  ${round % 2 === 0 ? '' : 'passing: { type: direct, durable: true }'}
consumers:
  steady: { queue: steady, prefetch: 10, concurrency: 4, deliver_to: { service: steady, path: /steady } }
  changing: { queue: changing, prefetch: ${10 + (round % 5)}, order_by: { body: /key }, deliver_to: { service: moving, path: /changing } }
  ${round % 2 === 0 ? '' : 'passing: { queue: passing, deliver_to: { service: moving, path: /passing } }'}
services:
  steady: { urls: ["${addresses[0]?.url}"] }
  moving: { urls: ["${addresses[round % 2]?.url}"] }
routing_rules:
  - { path: /steady, methods: [POST], queue: steady }
  - { path: /changing, methods: [POST], queue: changing }
`
  const gateway = await started(yaml(0))
  const taken: string[] = []
  let loading = true
  const client = async (path: string): Promise<void> => {
    for (let n = 0; loading; n += 1) {
      const body = JSON.stringify({ key: n % 3, path, n })
      expect((await send(gateway.url, path, body)).status).toBe(202)
      taken.push(body)
    }
  }
  const clients = ['/steady', '/changing'].map(client)
  const threads = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length
  await until('messages flow', () => handled.length > 10)
  const before = threads()
  for (let round = 1; round <= 60; round += 1) {
    const seen = handled.length
    await gateway.apply(yaml(round))
    await until('messages flow', () => handled.length > seen)
  }
  loading = false
  await Promise.all(clients)
  await until('all is handled', () => handled.length >= taken.length)
  expect([...handled].sort()).toEqual([...taken].sort())
  expect(threads()).toBe(before)
  const steady = taken.filter((body) => body.includes('/steady')).length
  await until('the consumer that did not change has counted all of its messages', () => settledBy(gateway, 'steady') === steady)
  expect(gateway.log.filter((line) => (JSON.parse(line) as { level: number }).level >= 40)).toEqual([])
})
