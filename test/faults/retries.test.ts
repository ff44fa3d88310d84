import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type AskOptions, type Asked, ask } from '../kit/ask.ts'
import { type TestGateway, startGateway } from '../kit/gateway.ts'
import { open } from '../kit/raw.ts'
import { until } from '../kit/until.ts'
import { type TestUpstream, freePort, startTcpUpstream, startUpstream } from '../kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const quick = ', backoff: { base_delay: 5ms, max_delay: 20ms }'

async function gatewayTo(urls: readonly string[], rule: string, service = ''): Promise<TestGateway> {
  const gateway = await startGateway(`
services: { a: { urls: ${JSON.stringify(urls)} ${service} } }
routing_rules: [{ path: /*, service: a ${rule} }]
`)
  cleanups.push(() => gateway.close())
  return gateway
}

async function upstream(handler: Parameters<typeof startUpstream>[0], options?: Parameters<typeof startUpstream>[1]): Promise<TestUpstream> {
  const server = await startUpstream(handler, options)
  cleanups.push(() => server.close())
  return server
}

async function tcpUpstream(onConnection: (socket: Socket) => void): Promise<TestUpstream> {
  const server = await startTcpUpstream(onConnection)
  cleanups.push(() => server.close())
  return server
}

/** Answers the first `failures` requests with `fail`, later ones with 200. */
const healsAfter = (failures: number, fail: (req: IncomingMessage, res: ServerResponse) => void): Parameters<typeof startUpstream>[0] => {
  let count = 0
  return (req, res) => {
    count += 1
    if (count <= failures) fail(req, res)
    else res.end('well')
  }
}

const reset = (req: IncomingMessage): void => void req.socket.destroy()
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (_req: IncomingMessage, res: ServerResponse): void =>
    void res.writeHead(code, headers).end()

const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const

test.each(methods)('%s is repeated after resets, timeouts, 502, 503 and 504', async (method) => {
  const failures = [reset, () => undefined, status(502), status(503), status(504)]
  for (const failure of failures) {
    const server = await upstream(healsAfter(2, failure))
    const gateway = await gatewayTo([server.url], `, retries: 2, timeout: 100ms ${quick}`)
    const answer = await ask(gateway.url, { method, ...(method === 'PUT' ? { body: 'content' } : {}) })
    expect(answer.status).toBe(200)
    expect(server.seen).toHaveLength(3)
    if (method === 'PUT') expect(server.seen.map(({ body }) => body)).toEqual(['content', 'content', 'content'])
  }
})

test.each([500, 501, 404, 429])('%i is an answer, not a reason to try again', async (code) => {
  const server = await upstream(status(code))
  const gateway = await gatewayTo([server.url], `, retries: 2 ${quick}`)
  expect(await ask(gateway.url)).toMatchObject({ status: code })
  expect(server.seen).toHaveLength(1)
})

test('429 with Retry-After is repeated when the wait fits into the deadline', async () => {
  const server = await upstream(healsAfter(1, status(429, { 'retry-after': '1' })))
  const gateway = await gatewayTo([server.url], ', retries: 1, deadline: 3s')
  const answer = await ask(gateway.url)
  expect(answer.status).toBe(200)
  expect(answer.ms).toBeGreaterThan(990)
})

test.each([
  ['longer than the deadline', '5'],
  ['absurdly long', '1000000000'],
  ['a date far away', 'Fri, 31 Dec 2999 23:59:59 GMT'],
])('a Retry-After that is %s is not waited for', async (_what, value) => {
  for (const rule of [', deadline: 2s', '']) {
    const server = await upstream(status(503, { 'retry-after': value }))
    const gateway = await gatewayTo([server.url], `, retries: 2 ${rule}`)
    const answer = await ask(gateway.url)
    expect(answer).toMatchObject({ status: 503 })
    expect(answer.headers['retry-after']).toBe(value)
    expect(answer.ms).toBeLessThan(1000)
    expect(server.seen).toHaveLength(1)
  }
})

test.each(['0', '-5', 'soon', '1.5', '', 'Fri, 31 Dec 1999 23:59:59 GMT', '0x10'])('a Retry-After of "%s" asks for no wait', async (value) => {
  const server = await upstream(healsAfter(1, status(503, { 'retry-after': value })))
  const gateway = await gatewayTo([server.url], `, retries: 1, deadline: 2s ${quick}`)
  const answer = await ask(gateway.url)
  expect(answer.status).toBe(200)
  expect(answer.ms).toBeLessThan(1000)
})

test.each(['POST', 'PATCH'])('%s is never repeated once it was sent', async (method) => {
  for (const failure of [reset, () => undefined, status(502), status(503), status(504)]) {
    const server = await upstream(failure)
    const gateway = await gatewayTo([server.url], `, retries: 5, timeout: 100ms ${quick}`)
    const answer = await ask(gateway.url, { method, body: 'charge 1' })
    expect(answer.status).toBeGreaterThanOrEqual(502)
    expect(server.seen).toHaveLength(1)
  }
})

test('POST is repeated where the connection was refused, because it was never sent', async () => {
  const port = await freePort()
  const gateway = await gatewayTo([`http://127.0.0.1:${port}`], ', retries: 3, backoff: { base_delay: 200ms }')
  const answer = ask(gateway.url, { method: 'POST', body: 'charge 1' })
  await until('one attempt has failed', async () => (await gateway.sample('headgate_retries_total{service="a"}')) > 0)
  const server = await upstream((_req, res) => void res.end('charged'), { port })
  expect(await answer).toMatchObject({ status: 200, body: 'charged' })
  expect(server.seen.map(({ body }) => body)).toEqual(['charge 1'])
})

test('POST is repeated when it carries the idempotency key that the rule declares, and only then', async () => {
  const server = await upstream(healsAfter(1, reset))
  const gateway = await gatewayTo([server.url], `, retries: 2, idempotency_key: Idempotency-Key ${quick}`)
  const post: AskOptions = { method: 'POST', body: 'charge 1', headers: { 'Idempotency-Key': 'k1' } }
  expect(await ask(gateway.url, post)).toMatchObject({ status: 200 })
  expect(server.seen.map(({ headers, body }) => [headers['idempotency-key'], body])).toEqual([
    ['k1', 'charge 1'],
    ['k1', 'charge 1'],
  ])
  const strict = await upstream(healsAfter(1, reset))
  const other = await gatewayTo([strict.url], `, retries: 2, idempotency_key: Idempotency-Key ${quick}`)
  expect(await ask(other.url, { method: 'POST', body: 'charge 1' })).toMatchObject({ status: 502 })
  expect(strict.seen).toHaveLength(1)
})

test('a large body whose first upstream resets in the middle is not repeated, and never truncated', async () => {
  const body = Buffer.alloc(5 * 1024 * 1024, 'content ')
  const received: number[] = []
  let count = 0
  const server = await upstream(
    (req, res) => {
      count += 1
      let bytes = 0
      req.on('data', (data: Buffer) => {
        bytes += data.length
        if (count === 1 && bytes > 1_000_000) req.socket.destroy()
      })
      req.on('end', () => {
        received.push(bytes)
        res.end()
      })
    },
    { early: true },
  )
  const gateway = await gatewayTo([server.url], `, retries: 2 ${quick}`)
  const answer = await ask(gateway.url, { method: 'PUT', body }).catch(() => undefined)
  expect(answer === undefined || answer.status === 502).toBe(true)
  expect(count).toBe(1)
  expect(received).toEqual([])
  expect(await ask(gateway.url, { method: 'PUT', body })).toMatchObject({ status: 200 })
  expect(received).toEqual([body.length])
})

test('a large body is sent whole to the address that takes it, when the first could not be reached', async () => {
  const body = Buffer.alloc(5 * 1024 * 1024, 'content ')
  let digest = ''
  const server = await upstream(
    (req, res) => {
      const hash = createHash('sha256')
      req.on('data', (data: Buffer) => hash.update(data))
      req.on('end', () => {
        digest = hash.digest('hex')
        res.end()
      })
    },
    { early: true },
  )
  const gateway = await gatewayTo([`http://127.0.0.1:${await freePort()}`, server.url], `, retries: 1 ${quick}`)
  for (let i = 0; i < 4; i += 1) {
    digest = ''
    expect(await ask(gateway.url, { method: 'POST', body })).toMatchObject({ status: 200 })
    expect(digest).toBe(createHash('sha256').update(body).digest('hex'))
  }
})

test('a streamed body is sent whole by a later attempt, when the first waited for a connection in vain', async () => {
  const held: ServerResponse[] = []
  let bytes = 0
  const server = await upstream(
    (req, res) => {
      if (req.method === 'GET') {
        held.push(res)
        return
      }
      req.on('data', (data: Buffer) => (bytes += data.length))
      req.on('end', () => res.end())
    },
    { early: true },
  )
  const gateway = await startGateway(`
services: { a: { urls: ["${server.url}"], max_connections: 1 } }
routing_rules:
  - { path: /*, methods: [GET], service: a }
  - { path: /*, service: a, timeout: 300ms, retries: 5, backoff: { base_delay: 1ms, max_delay: 1ms } }
`)
  cleanups.push(() => gateway.close())
  const first = ask(gateway.url)
  await until('the only connection is taken', () => held.length === 1)
  const body = Buffer.alloc(5 * 1024 * 1024)
  const put = ask(gateway.url, { method: 'PUT', body })
  await until('one attempt has timed out', async () => (await gateway.sample('headgate_retries_total{service="a"}')) >= 1)
  held[0]?.end()
  await first
  expect(await put).toMatchObject({ status: 200 })
  expect(bytes).toBe(body.length)
})

test('with one of several addresses dead, every request is answered by another', async () => {
  const alive = [await upstream(undefined), await upstream(undefined)]
  const urls = [`http://127.0.0.1:${await freePort()}`, ...alive.map(({ url }) => url)]
  for (const balancing of ['round_robin', 'least_requests', 'random']) {
    const gateway = await gatewayTo(urls, `, retries: 1, retry_budget: { percent: 100% } ${quick}`, `, load_balancing: ${balancing}`)
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(gateway.url)))
    expect(new Set(answers.map(({ status: code }) => code))).toEqual(new Set([200]))
  }
})

test('retries take from a budget: a service that always fails gets at most a fifth more calls, and the floor', async () => {
  const server = await upstream(status(503))
  const gateway = await gatewayTo([server.url], `, retries: 2, retry_budget: { percent: 20%, min_per_second: 0 } ${quick}`)
  for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 100 }, () => ask(gateway.url)))
  expect(server.seen.length).toBeGreaterThan(1000)
  expect(server.seen.length).toBeLessThanOrEqual(1200)
  expect(await gateway.sample('headgate_retry_budget_exhausted_total{service="a"}')).toBeGreaterThan(0)
})

test('the client waits no longer than the deadline, whatever timeouts and retries add up to', async () => {
  const server = await upstream(() => undefined)
  const gateway = await gatewayTo([server.url], ', timeout: 5s, retries: 2, deadline: 700ms')
  const answer = await ask(gateway.url)
  expect(answer).toMatchObject({ status: 504 })
  expect(answer.body).toContain('DEADLINE_EXCEEDED')
  expect(answer.ms).toBeGreaterThan(650)
  expect(answer.ms).toBeLessThan(2000)
})

test('without a deadline the client waits for every attempt, and no longer', async () => {
  const server = await upstream(() => undefined)
  const gateway = await gatewayTo([server.url], `, timeout: 200ms, retries: 2 ${quick}`)
  const answer = await ask(gateway.url)
  expect(answer).toMatchObject({ status: 504 })
  expect(answer.ms).toBeGreaterThan(590)
  expect(answer.ms).toBeLessThan(2000)
})

test('a client that leaves while the gateway waits for the next attempt ends the waiting', async () => {
  const server = await upstream(status(503))
  const gateway = await gatewayTo([server.url], ', retries: 2, deadline: 60s, backoff: { base_delay: 30s, max_delay: 50s }')
  const socket = await open(gateway.port)
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until('the first attempt has failed', () => server.seen.length === 1)
  socket.destroy()
  await until('the request is logged', () => gateway.entries.length === 1)
  expect(gateway.entries[0]).toMatchObject({ status: 499, error: 'CLIENT_GONE' })
  expect(server.seen).toHaveLength(1)
})

test('a connection that the service closed while idle costs an idempotent request nothing', async () => {
  let count = 0
  const server = await tcpUpstream((socket) => {
    socket.on('data', () => {
      count += 1
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      // Closed right behind the answer: the pool may already have chosen it for the next request.
      if (count % 2 === 1) socket.end()
    })
  })
  const gateway = await gatewayTo([server.url], `, retries: 1, retry_budget: { percent: 100%, min_per_second: 100 } ${quick}`)
  const answers: Asked[] = []
  for (let i = 0; i < 50; i += 1) answers.push(await ask(gateway.url))
  expect(new Set(answers.map(({ status: code }) => code))).toEqual(new Set([200]))
})

test('an attempt that failed counts as an error of the service, even when the retry hides it from the caller', async () => {
  const { url } = await upstream(healsAfter(1, (_req, res) => res.writeHead(503).end()))
  const gateway = await gatewayTo([url], ', retries: 1')
  expect((await ask(gateway.url)).status).toBe(200)
  expect(await gateway.sample('integration_errors_total{service="a",error_type="http_5xx"}')).toBe(1)
})
