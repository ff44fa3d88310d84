import { request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { type Asked, ask, askMany } from '../kit/ask.ts'
import { type TestGateway, startGateway } from '../kit/gateway.ts'
import { until } from '../kit/until.ts'
import { type TestUpstream, freePort, startUpstream } from '../kit/upstream.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Mood = (req: IncomingMessage, res: ServerResponse) => void

interface Scene {
  readonly gateway: TestGateway
  readonly upstream: TestUpstream
  mood: Mood
  state(): string | undefined
  get(): Promise<Asked>
}

const status =
  (code: number): Mood =>
  (_req, res) =>
    void res.writeHead(code, { 'retry-after': '1' }).end()

async function scene(breaker: string, mood: Mood, rule = ''): Promise<Scene> {
  const of: { mood: Mood } = { mood }
  const upstream = await startUpstream((req, res) => of.mood(req, res))
  cleanups.push(() => upstream.close())
  const gateway = await startGateway(`
services: { a: { urls: ["${upstream.url}"] } }
routing_rules: [{ path: /*, service: a, circuit_breaker: { ${breaker} } ${rule} }]
`)
  cleanups.push(() => gateway.close())
  return Object.assign(of, {
    gateway,
    upstream,
    state: () => gateway.runtime.status().breakers[0]?.state,
    get: () => ask(gateway.url),
  })
}

const halfOpen = (of: Scene): Promise<void> => until('the circuit is half open', () => of.state() === 'half_open')

test('failures that end at the same moment open the circuit, and the trial call comes after the open time', async () => {
  const held: ServerResponse[] = []
  const of = await scene('threshold: 50%, volume: 5, timeout: 400ms', (_req, res) => void held.push(res))
  const failures = askMany(6, of.get)
  await until('all are with the service', () => held.length === 6)
  for (const res of held) res.writeHead(500).end()
  await failures
  expect(of.state()).toBe('open')
  of.mood = status(200)
  await halfOpen(of)
  expect((await of.get()).status).toBe(200)
  expect(of.state()).toBe('closed')
})

test('a failed trial call after a silence longer than the window opens the circuit again, and a later one closes it', async () => {
  const of = await scene('threshold: 50%, volume: 5, window: 300ms, timeout: 400ms', status(500))
  await askMany(5, of.get)
  await halfOpen(of)
  await new Promise((resolve) => setTimeout(resolve, 350))
  expect((await of.get()).status).toBe(500)
  expect(of.state()).toBe('open')
  of.mood = status(200)
  await halfOpen(of)
  expect((await of.get()).status).toBe(200)
  expect(of.state()).toBe('closed')
})

test('of 200 parallel calls at half-open exactly one reaches the service, again and again', async () => {
  const of = await scene('threshold: 50%, volume: 5, timeout: 300ms', status(500))
  await askMany(5, of.get)
  for (let round = 0; round < 3; round += 1) {
    await halfOpen(of)
    const before = of.upstream.seen.length
    // The answer has to wait until the last of the 200 has come, or a quick failure would let nothing be seen.
    of.mood = (_req, res) => void setTimeout(() => res.writeHead(500).end(), 150)
    expect(await askMany(200, of.get)).toEqual({ 500: 1, 503: 199 })
    expect(of.upstream.seen.length).toBe(before + 1)
  }
})

test('a threshold of 0% is taken at its word: the first failure opens the circuit once the volume was seen', async () => {
  const of = await scene('threshold: 0%, volume: 1', status(200)).catch((error: unknown) => String(error))
  // Where the language refuses 0%, nothing can ignore it.
  if (typeof of === 'string') {
    expect(of).toMatch(/threshold|percent|0%/)
    return
  }
  await of.get()
  expect(of.state()).toBe('closed')
  of.mood = status(500)
  await of.get()
  expect(of.state()).toBe('open')
})

test('attempts are still ended by their timeout after the circuit has opened and closed', async () => {
  const of = await scene('threshold: 50%, volume: 2, timeout: 300ms', () => undefined, ', timeout: 100ms')
  for (let round = 0; round < 2; round += 1) {
    of.mood = () => undefined
    expect(await askMany(2, of.get)).toEqual({ 504: 2 })
    expect(of.state()).toBe('open')
    of.mood = status(200)
    await halfOpen(of)
    expect((await of.get()).status).toBe(200)
  }
})

const notFailures: readonly [string, Mood][] = [
  ['400', status(400)],
  ['404', status(404)],
  ['429', status(429)],
  ['304', status(304)],
]

test.each(notFailures)('%s is not a failure', async (_what, mood) => {
  const of = await scene('threshold: 1%, volume: 1', mood)
  await askMany(30, of.get)
  expect(of.gateway.runtime.status().breakers[0]).toMatchObject({ state: 'closed', failed: 0, succeeded: 30 })
})

const failures: readonly [string, Mood][] = [
  ['500', status(500)],
  ['503', status(503)],
  ['a timeout', () => undefined],
  ['a reset', (req) => void req.socket.destroy()],
  ['an answer that is not HTTP', (req) => void req.socket.end('rubbish\r\n\r\n')],
]

test.each(failures)('%s is a failure', async (_what, mood) => {
  const of = await scene('threshold: 100%, volume: 1', mood, ', timeout: 100ms')
  await of.get()
  expect(of.state()).toBe('open')
})

test('a refused connection is a failure', async () => {
  const of = await scene('threshold: 100%, volume: 1', status(200))
  await of.gateway.apply(`
services: { a: { urls: ["http://127.0.0.1:${await freePort()}"] } }
routing_rules: [{ path: /*, service: a, circuit_breaker: { threshold: 100%, volume: 1 } }]
`)
  const port = of.gateway.runtime.listeners[0]?.port ?? 0
  expect((await ask(`http://127.0.0.1:${port}`)).status).toBe(502)
  expect(of.state()).toBe('open')
})

test('clients that go away never open the circuit, and give the trial call back', async () => {
  const of = await scene('threshold: 50%, volume: 1, timeout: 300ms', status(500))
  await of.get()
  await halfOpen(of)
  of.mood = () => undefined
  const before = of.upstream.seen.length
  const leaving = request(of.gateway.url)
  leaving.on('error', () => undefined)
  leaving.end()
  await until('the trial call is with the service', () => of.upstream.seen.length === before + 1)
  leaving.destroy()
  await until('the client is gone', () => of.gateway.entries.some(({ error }) => error === 'CLIENT_GONE'))
  expect(of.state()).toBe('half_open')
  of.mood = status(200)
  expect((await of.get()).status).toBe(200)
  expect(of.state()).toBe('closed')
})
