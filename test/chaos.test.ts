import { Agent, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { chance } from './chaos/chance.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { until } from './kit/until.ts'
import { type TestUpstream, freePort, startUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const bodyFor = (id: string, bytes: number): string => id.repeat(Math.ceil(bytes / id.length)).slice(0, bytes)

/** Answers well most of the time, and in every wrong way it knows now and then. */
function unruly(random: () => number): (req: IncomingMessage, res: ServerResponse) => void {
  const sizes = [0, 10, 1000, 70_000, 300_000]
  return (req, res) => {
    const id = String(req.headers['x-id'])
    const body = bodyFor(id, sizes[Math.floor(random() * sizes.length)] ?? 0)
    const kind = random()
    if (kind < 0.6) res.writeHead(200, { 'x-id': id, 'content-length': body.length }).end(body)
    else if (kind < 0.7) setTimeout(() => res.writeHead(200, { 'x-id': id }).end(body), random() * 50)
    else if (kind < 0.75) req.socket.destroy()
    else if (kind < 0.8) res.writeHead(503).end('busy')
    else if (kind < 0.85) res.writeHead(200, { 'x-id': id, 'content-length': body.length + 10 }).write(body, () => req.socket.destroy())
    else if (kind < 0.9) setTimeout(() => res.end(), 1000)
    else if (kind < 0.95) req.socket.end('HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n')
    else res.writeHead(429, { 'retry-after': '0', connection: 'close' }).end()
  }
}

interface Result {
  readonly id: string
  readonly status: number
  readonly answeredId: unknown
  readonly length: string | undefined
  readonly body: string
}

/** One request that may be broken off at any time; undefined when it got no whole answer. */
function one(gateway: TestGateway, agent: Agent, id: string, random: () => number): Promise<Result | undefined> {
  const put = random() < 0.4
  const body = put ? bodyFor(id, Math.floor(random() * 200_000)) : undefined
  return new Promise((resolve) => {
    const req = request(gateway.url, { agent, method: put ? 'PUT' : 'GET', headers: { 'x-id': id } }, (res) => {
      let text = ''
      res.setEncoding('latin1')
      res.on('data', (data: string) => (text += data))
      res.on('error', () => resolve(undefined))
      res.on('end', () =>
        resolve({ id, status: res.statusCode ?? 0, answeredId: res.headers['x-id'], length: res.headers['content-length'], body: text }),
      )
    })
    req.on('error', () => resolve(undefined))
    if (random() < 0.1) setTimeout(() => req.destroy(), random() * 60)
    req.end(body)
  })
}

test.each([1, 2, 3])(
  'under any mixture of failures every answer belongs to its request and is whole, and nothing is left behind (%i)',
  async (seed) => {
    const random = chance(seed)
    const servers: TestUpstream[] = [await startUpstream(unruly(random)), await startUpstream(unruly(random))]
    for (const server of servers) cleanups.push(() => server.close())
    const gateway = await startGateway(`
services:
  a: { urls: ${JSON.stringify([...servers.map(({ url }) => url), `http://127.0.0.1:${await freePort()}`])}, max_connections: 5, passive_health: { eject_for: 100ms } }
routing_rules:
  - { path: /*, service: a, timeout: 200ms, retries: 2, backoff: { base_delay: 5ms }, circuit_breaker: { threshold: 90%, timeout: 100ms } }
`)
    cleanups.push(() => gateway.close())
    const agent = new Agent({ keepAlive: true, maxSockets: 30 })
    cleanups.push(() => agent.destroy())
    const results = await Promise.all(Array.from({ length: 1000 }, (_, index) => one(gateway, agent, `<${seed}-${index}>`, random)))
    const whole = results.filter((result) => result?.status === 200)
    expect(whole.length).toBeGreaterThan(300)
    for (const result of whole) {
      expect(result?.answeredId).toBe(result?.id)
      expect(result?.body).toBe(bodyFor(result?.id ?? '', result?.body.length ?? 0))
      if (result?.length !== undefined) expect(result.body).toHaveLength(Number(result.length))
    }
    for (const { headers, body } of servers.flatMap(({ seen }) => seen)) {
      if (body !== '') expect(body).toBe(bodyFor(String(headers['x-id']), Number(headers['content-length'])))
    }
    agent.destroy()
    await until('no connection of a client is left', () => gateway.runtime.status().connections === 0)
    await until('no call is left', () => gateway.runtime.status().services[0]?.addresses.every(({ inFlight }) => inFlight === 0) === true)
    expect(gateway.runtime.status().requestsInFlight).toBe(0)
    expect(gateway.log.filter((line) => line.includes('internal error'))).toEqual([])
  },
)
