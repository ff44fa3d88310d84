import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startGateway } from '../kit/gateway.ts'
import type { TestGateway } from '../kit/gateway.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { SeenRequest, TestUpstream } from '../kit/upstream.ts'

let target: TestUpstream | undefined
let gateway: TestGateway | undefined

afterEach(async () => {
  await gateway?.close()
  await target?.close()
})

interface Settings {
  readonly consumer?: string
  readonly other?: string
  readonly queue?: string
}

const yamlFor = (url: string, { consumer = '', other = '', queue = '' }: Settings = {}): string => `
queues:
  payment.process: { type: topic, durable: true, ttl: 24h, dead_letter: true ${queue} }
  audit.log: { type: fanout, durable: true, ttl: ∞, dead_letter: false }
consumers:
  payment_processor:
    queue: payment.process
    prefetch: 10
    concurrency: 5
    timeout: 300s
    retry:
      { max_attempts: 3, backoff: exponential, dead_letter_after: 5, base_delay: 1ms, max_delay: 5ms, redelivery: { base_delay: 1ms, max_delay: 10ms } }
    ${consumer}
    deliver_to: { service: payments, path: /payments }
  auditor:
    queue: audit.log
    deliver_to: { service: payments, path: /audit }
services:
  payments: { urls: ["${url}"] }
routing_rules:
  - { path: /api/payments, methods: [POST], queue: payment.process }
  - { path: /api/audit, methods: [POST], queue: audit.log }
${other}
`

const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${gateway?.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })

const statusOf = async (response: Response, wait = 10): Promise<Record<string, unknown>> => {
  const location = response.headers.get('location') ?? ''
  const answer = await fetch(`${gateway?.url}${location}`, { headers: { prefer: `wait=${wait}` } })
  return (await answer.json()) as Record<string, unknown>
}

const answering = (answer: (res: ServerResponse, seen: SeenRequest) => void): Promise<TestUpstream> =>
  startUpstream((_req, res, seen) => answer(res, seen))

test('the depths of the queues are known as soon as it serves', async () => {
  target = await answering((res) => res.end())
  gateway = await startGateway(yamlFor(target.url))
  await until('they are seen', () => gateway?.runtime.status().queues.length === 2, 1000)
})

test('a payment is taken with 202, delivered once, and its status tells the answer of the target', async () => {
  target = await answering((res) => res.writeHead(201, { 'content-type': 'application/json' }).end('{"charged":true}'))
  gateway = await startGateway(yamlFor(target.url))
  const taken = await post('/api/payments', '{"amount":5}', { 'idempotency-key': 'intent-1', 'x-trace-id': '4bf92f3577b34da6a3ce929d0e0e4736' })
  expect(taken.status).toBe(202)
  const status = await statusOf(taken)
  expect(status).toMatchObject({ status: 'completed', queue: 'payment.process', attempts: 1, result: { status: 201, body: { charged: true } } })
  expect(target.seen).toHaveLength(1)
  const [seen] = target.seen
  expect(seen?.body).toBe('{"amount":5}')
  expect(seen?.headers).toMatchObject({
    'content-type': 'application/json',
    'idempotency-key': 'intent-1',
    'ce-specversion': '1.0',
    'ce-id': status['id'],
    'headgate-queue': 'payment.process',
    'headgate-attempt': '1',
    'headgate-delivery': '1',
    'x-trace-id': '4bf92f3577b34da6a3ce929d0e0e4736',
  })
})

test('a payment whose target always fails is tried 5 x 3 times, then parked, and says so', async () => {
  target = await answering((res) => res.writeHead(503).end())
  gateway = await startGateway(yamlFor(target.url))
  const taken = await post('/api/payments', '{}')
  expect(await statusOf(taken, 30)).toMatchObject({ status: 'dead_lettered', attempts: 15 })
  expect(target.seen.map(({ headers }) => [headers['headgate-attempt'], headers['headgate-delivery']])).toEqual(
    Array.from({ length: 15 }, (_, index) => [String(index + 1), String(Math.floor(index / 3) + 1)]),
  )
  const parked = 'headgate_dead_letters_total{consumer="payment_processor",queue="payment.process",reason="failed"}'
  await until('the dead letter is counted', async () => (await gateway?.sample(parked)) === 1)
})

test('a message that its target refuses for good is parked after one attempt; one of a queue without dead letters has failed', async () => {
  target = await answering((res) => res.writeHead(422).end())
  gateway = await startGateway(yamlFor(target.url))
  expect(await statusOf(await post('/api/payments', '{}'))).toMatchObject({ status: 'dead_lettered', attempts: 1 })
  expect(await statusOf(await post('/api/audit', '{}'))).toMatchObject({ status: 'failed', attempts: 1 })
})

test('messages outlive the gateway: what was taken before it stopped is delivered by the next one', async () => {
  target = await startUpstream()
  const folder = await mkdtemp(join(tmpdir(), 'headgate-test-'))
  try {
    gateway = await startGateway(yamlFor(target.url, { consumer: 'paused: true' }), folder)
    const taken = await post('/api/payments', '{"n":1}')
    expect(taken.status).toBe(202)
    await gateway.close()
    expect(target.seen).toHaveLength(0)
    gateway = await startGateway(yamlFor(target.url), folder)
    expect(await statusOf(taken)).toMatchObject({ status: 'completed' })
    expect(target.seen).toHaveLength(1)
  } finally {
    await gateway?.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('a reload leaves an unchanged consumer running with its delivery in flight', async () => {
  let answer: (() => void) | undefined
  target = await answering((res) => {
    answer = () => res.end('done')
  })
  gateway = await startGateway(yamlFor(target.url))
  const taken = await post('/api/payments', '{}')
  await until('the delivery is there', () => answer !== undefined)
  await gateway.apply(yamlFor(target.url, { other: '  - { path: /new, respond: { status: 204 } }' }))
  expect(gateway.runtime.status().consumers.find(({ name }) => name === 'payment_processor')).toMatchObject({ state: 'running', inFlight: 1 })
  answer?.()
  expect(await statusOf(taken)).toMatchObject({ status: 'completed', attempts: 1 })
  expect(target.seen).toHaveLength(1)
})

test('a changed consumer finishes what it has before the new one begins', async () => {
  const answers: (() => void)[] = []
  target = await answering((res) => void answers.push(() => res.end('done')))
  gateway = await startGateway(yamlFor(target.url))
  const first = await post('/api/payments', '{"n":1}')
  await until('the first delivery is there', () => answers.length === 1)
  await gateway.apply(yamlFor(target.url, { consumer: 'circuit_breaker: { threshold: 50% }' }))
  const second = await post('/api/payments', '{"n":2}')
  expect(second.status).toBe(202)
  expect(target.seen).toHaveLength(1)
  answers[0]?.()
  expect(await statusOf(first)).toMatchObject({ status: 'completed' })
  await until('the new consumer has the second', () => answers.length === 2)
  answers[1]?.()
  expect(await statusOf(second)).toMatchObject({ status: 'completed', attempts: 1 })
})

test('on a drain deliveries in flight finish and nothing new is taken', async () => {
  const answers: (() => void)[] = []
  target = await answering((res) => void answers.push(() => res.end('done')))
  gateway = await startGateway(yamlFor(target.url))
  for (let n = 0; n < 8; n += 1) expect((await post('/api/payments', String(n))).status).toBe(202)
  await until('five are handled at the same time', () => answers.length === 5)
  const drained = gateway.runtime.drain()
  for (const finish of answers) finish()
  expect(await drained).toEqual({ drained: true })
  expect(target.seen).toHaveLength(5)
})

test('status and metrics show depth, dead letters, consumers and the broker', async () => {
  target = await startUpstream()
  gateway = await startGateway(yamlFor(target.url, { consumer: 'paused: true' }))
  for (let n = 0; n < 3; n += 1) await post('/api/payments', String(n))
  await until('the depth is seen', () => gateway?.runtime.status().queues.find(({ queue }) => queue === 'payment.process')?.depth === 3)
  const { brokers, consumers } = gateway.runtime.status()
  expect(brokers).toMatchObject([{ name: 'default', type: 'embedded', state: 'connected', confirmed: 3, failed: 0 }])
  expect(consumers.find(({ name }) => name === 'payment_processor')).toMatchObject({ state: 'paused', queue: 'payment.process' })
  expect(await gateway.sample('headgate_queue_depth{queue="payment.process"}')).toBe(3)
  expect(await gateway.sample('headgate_broker_connected{broker="default"}')).toBe(1)
})

test('a queue that is full answers 503 with Retry-After, and keeps what it has', async () => {
  target = await startUpstream()
  gateway = await startGateway(yamlFor(target.url, { consumer: 'paused: true', queue: ', max_length: 2' }))
  expect((await post('/api/payments', '1')).status).toBe(202)
  expect((await post('/api/payments', '2')).status).toBe(202)
  const refused = await post('/api/payments', '3')
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).not.toBeNull()
  expect(await refused.json()).toMatchObject({ code: 'QUEUE_FULL' })
})
