import type { Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask } from './kit/ask.ts'
import { type TestGateway, startGateway } from './kit/gateway.ts'
import { type TestUpstream, startTcpUpstream } from './kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** Answers `good` requests per connection and ends the connection at the next one, as servers do whose idle timeout has just passed. */
async function impatient(end: (socket: Socket) => void, good = 1): Promise<TestUpstream & { readonly heads: string[] }> {
  const heads: string[] = []
  const server = await startTcpUpstream((socket) => {
    let requests = 0
    socket.on('data', (bytes: Buffer) => {
      requests += 1
      heads.push(bytes.toString('latin1'))
      if (requests <= good) socket.write(answer)
      else end(socket)
    })
  })
  cleanups.push(() => server.close())
  return Object.assign(server, { heads })
}

async function gatewayTo(...urls: readonly string[]): Promise<TestGateway> {
  const gateway = await startGateway(`
services: { a: { urls: ${JSON.stringify(urls)}, passive_health: { failures: 1 } } }
routing_rules: [{ path: /*, service: a, circuit_breaker: { threshold: 1%, volume: 1 } }]
`)
  cleanups.push(() => gateway.close())
  return gateway
}

const ends = { 'the end of the connection': (socket: Socket) => socket.end(), 'a reset': (socket: Socket) => socket.resetAndDestroy() }

test.each(Object.entries(ends))(
  'a GET that meets %s on a kept connection is sent again without retries, and counts against nobody',
  async (_name, end) => {
    const server = await impatient(end)
    const gateway = await gatewayTo(server.url, (await impatient(end, Infinity)).url)
    for (let i = 0; i < 6; i += 1) expect((await ask(`${gateway.url}/`)).status).toBe(200)
    expect(gateway.entries.map(({ attempts }) => attempts)).toEqual([1, 1, 2, 1, 1, 2])
    expect(gateway.runtime.status().breakers).toMatchObject([{ state: 'closed', failed: 0, succeeded: 6 }])
    expect(gateway.runtime.status().services[0]?.addresses).toMatchObject([
      { state: 'unknown', inFlight: 0 },
      { state: 'unknown', inFlight: 0 },
    ])
  },
)

test('a POST that meets the end of a kept connection is not sent again: it may have been acted upon', async () => {
  const server = await impatient((socket) => socket.end())
  const gateway = await gatewayTo(server.url)
  await ask(`${gateway.url}/`)
  expect((await ask(`${gateway.url}/`, { method: 'POST', body: 'x' })).status).toBe(502)
  expect(server.heads.filter((head) => head.startsWith('POST'))).toHaveLength(1)
})

test('a GET that meets the end of a new connection is not sent again without retries', async () => {
  const server = await impatient((socket) => socket.end(), 0)
  const gateway = await gatewayTo(server.url)
  expect((await ask(`${gateway.url}/`)).status).toBe(502)
  expect(server.heads).toHaveLength(1)
})

test('a GET is sent again once only, however many kept connections end', async () => {
  let broken = false
  const server = await startTcpUpstream((socket) => {
    socket.on('data', () => (broken ? socket.end() : socket.write(answer)))
  })
  cleanups.push(() => server.close())
  const gateway = await gatewayTo(server.url)
  await Promise.all(Array.from({ length: 8 }, () => ask(`${gateway.url}/`)))
  broken = true
  expect((await ask(`${gateway.url}/`)).status).toBe(502)
  expect(gateway.entries.at(-1)?.attempts).toBe(2)
})
