import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AskOptions, type Asked, ask, askMany } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, freePort, startUpstream } from './kit/upstream.ts'

// The rules as they stand in the integration design document.
const rules = `
routing_rules:
  - path: /api/users/*
    service: user-service
    timeout: 5s
    retries: 2
    circuit_breaker:
      threshold: 50%
      timeout: 30s

  - path: /api/orders/*
    service: order-service
    timeout: 10s
    retries: 1
    circuit_breaker:
      threshold: 30%
      timeout: 60s
`

// The same with times that a test can wait for.
const quickRules = rules
  .replace('timeout: 5s', 'timeout: 300ms')
  .replace('timeout: 10s', 'timeout: 600ms')
  .replace('timeout: 30s', 'timeout: 1s')
  .replace('timeout: 60s', 'timeout: 2s')

type Mood = (req: IncomingMessage, res: ServerResponse) => void

const well: Mood = (_req, res) => void res.end('well')
const slow: Mood = () => undefined
const failing: Mood = (_req, res) => void res.writeHead(500).end('broken')

/** A service whose mood can change at any time. */
class MoodyService {
  mood: Mood = well
  server: TestUpstream | undefined
  port = 0

  get calls(): number {
    return this.server?.seen.length ?? 0
  }

  async start(): Promise<void> {
    this.server = await startUpstream((req, res) => this.mood(req, res), { port: this.port })
    this.port = this.server.port
  }

  async die(): Promise<void> {
    await this.server?.close()
    this.server = undefined
  }
}

let users: MoodyService
let orders: MoodyService
let gateway: TestGateway

async function serve(yaml: string): Promise<void> {
  gateway = await startGateway(`${yaml}
services:
  user-service: { urls: ["http://127.0.0.1:${users.port}"] }
  order-service: { urls: ["http://127.0.0.1:${orders.port}"] }
`)
}

beforeEach(async () => {
  users = new MoodyService()
  orders = new MoodyService()
  await users.start()
  await orders.start()
})

afterEach(async () => {
  await gateway.close()
  await users.die()
  await orders.die()
})

const get = (path: string, options?: AskOptions): Promise<Asked> => ask(`${gateway.url}${path}`, options)
const post = (path: string): Promise<Asked> => get(path, { method: 'POST', body: '{}' })
const breakerOf = (service: string) => gateway.runtime.status().breakers.find((one) => one.service === service)

/** Calls one after the other; the n-th fails where `pattern` says so. */
async function play(service: MoodyService, path: string, pattern: readonly boolean[]): Promise<number[]> {
  const statuses: number[] = []
  for (const fails of pattern) {
    service.mood = fails ? failing : well
    statuses.push((await post(path)).status)
  }
  return statuses
}

const failuresLast = (count: number, of: number): boolean[] => Array.from({ length: of }, (_, index) => index >= of - count)

describe('with the times of the document', () => {
  beforeEach(() => serve(rules))

  test('both services are reached by their paths', async () => {
    expect(await get('/api/users/42?full=1')).toMatchObject({ status: 200 })
    expect(await get('/api/orders')).toMatchObject({ status: 200 })
    expect(await get('/api/other')).toMatchObject({ status: 404 })
    expect([users.server?.seen[0]?.url, orders.server?.seen[0]?.url]).toEqual(['/api/users/42?full=1', '/api/orders'])
  })

  test('a slow user service is given up after 5 s, and what was sent with POST is not sent again', async () => {
    users.mood = slow
    const answer = await post('/api/users/42')
    expect(answer.status).toBe(504)
    expect(answer.ms).toBeGreaterThan(4950)
    expect(answer.ms).toBeLessThan(7000)
    expect(users.calls).toBe(1)
  })

  test('a dead user service is tried three times, a dead order service twice', async () => {
    await users.die()
    await orders.die()
    expect(await get('/api/users/42')).toMatchObject({ status: 502 })
    expect(await get('/api/orders/7')).toMatchObject({ status: 502 })
    expect(gateway.entries.map(({ attempts }) => attempts)).toEqual([3, 2])
  })

  test('the circuit of the user service opens for 30 s when half of the calls fail, not before', async () => {
    await play(users, '/api/users/1', failuresLast(9, 20))
    expect(breakerOf('user-service')).toMatchObject({ state: 'closed', succeeded: 11, failed: 9 })
    await play(users, '/api/users/1', [true, true])
    expect(breakerOf('user-service')).toMatchObject({ state: 'open', succeeded: 11, failed: 11 })
    const refused = await get('/api/users/1')
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '30' } })
    expect(refused.body).toContain('CIRCUIT_OPEN')
    expect(breakerOf('user-service')?.opensForMs).toBeGreaterThan(28_000)
    expect(users.calls).toBe(22)
  })

  test('the circuit of the order service opens for 60 s when 30 % of the calls fail, not before', async () => {
    await play(orders, '/api/orders/1', failuresLast(5, 20))
    expect(breakerOf('order-service')).toMatchObject({ state: 'closed', succeeded: 15, failed: 5 })
    await play(orders, '/api/orders/1', [true])
    expect(breakerOf('order-service')?.state).toBe('closed')
    await play(orders, '/api/orders/1', [true])
    expect(breakerOf('order-service')).toMatchObject({ state: 'open', succeeded: 15, failed: 7 })
    expect(await get('/api/orders/1')).toMatchObject({ status: 503, headers: { 'retry-after': '60' } })
  })

  test('a service that fails every other time is hidden from clients by the retries until half of the attempts have failed', async () => {
    let count = 0
    users.mood = (_req, res) => {
      count += 1
      res.writeHead(count % 2 === 1 ? 503 : 200).end()
    }
    const statuses: number[] = []
    while (breakerOf('user-service')?.state === 'closed') statuses.push((await get('/api/users/1')).status)
    expect(statuses.slice(0, -1)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(count).toBe(21)
  })

  test('the trouble of one service does not touch the other', async () => {
    await play(users, '/api/users/1', failuresLast(20, 20))
    expect(breakerOf('user-service')?.state).toBe('open')
    expect(await get('/api/orders/1')).toMatchObject({ status: 200 })
    expect(breakerOf('order-service')).toMatchObject({ state: 'closed', failed: 0 })
  })

  test('the state of both circuits is in the metrics', async () => {
    await play(users, '/api/users/1', failuresLast(20, 20))
    expect(await gateway.sample('circuit_breaker_state{service="user-service",state="open"}')).toBe(1)
    expect(await gateway.sample('circuit_breaker_state{service="order-service",state="closed"}')).toBe(1)
  })
})

describe('with the times shortened', () => {
  beforeEach(() => serve(quickRules))

  test('a slow service costs its clients every attempt, until the circuit opens and they are refused at once', async () => {
    users.mood = slow
    const first = await get('/api/users/42')
    expect(first).toMatchObject({ status: 504 })
    expect(first.ms).toBeGreaterThan(890)
    expect(first.ms).toBeLessThan(2500)
    expect(users.calls).toBe(3)
    await askMany(20, () => get('/api/users/42'))
    expect(breakerOf('user-service')?.state).toBe('open')
    const refused = await get('/api/users/42')
    expect(refused.status).toBe(503)
    expect(refused.ms).toBeLessThan(250)
  })

  test('after the open time exactly one of many calls reaches the service; it heals, and all are served', async () => {
    await play(users, '/api/users/1', failuresLast(20, 20))
    const before = users.calls
    let release: (() => void) | undefined
    users.mood = (_req, res) => void (release = () => res.end('well again'))
    await until('the circuit is half open', () => breakerOf('user-service')?.state === 'half_open')
    const answers = askMany(200, () => get('/api/users/1'))
    await until('the others were refused', () => gateway.entries.filter(({ error }) => error === 'CIRCUIT_OPEN').length === 199)
    expect(users.calls).toBe(before + 1)
    users.mood = well
    release?.()
    expect(await answers).toEqual({ 200: 1, 503: 199 })
    expect(breakerOf('user-service')?.state).toBe('closed')
    expect(await askMany(50, () => get('/api/users/1'))).toEqual({ 200: 50 })
  })

  test('a failed trial call opens the circuit for the whole time again', async () => {
    await play(users, '/api/users/1', failuresLast(20, 20))
    await until('the circuit is half open', () => breakerOf('user-service')?.state === 'half_open')
    expect(await post('/api/users/1')).toMatchObject({ status: 500 })
    expect(breakerOf('user-service')).toMatchObject({ state: 'open' })
    expect(breakerOf('user-service')?.opensForMs).toBeGreaterThan(700)
  })

  test('a service that died and came back is found again by the trial call', async () => {
    await users.die()
    users.port ||= await freePort()
    while (breakerOf('user-service')?.state !== 'open') expect((await get('/api/users/1')).status).toBeGreaterThanOrEqual(502)
    await users.start()
    expect(await get('/api/users/1')).toMatchObject({ status: 503 })
    await until('the circuit is half open', () => breakerOf('user-service')?.state === 'half_open')
    expect(await get('/api/users/1')).toMatchObject({ status: 200 })
    expect(breakerOf('user-service')?.state).toBe('closed')
  })
})
