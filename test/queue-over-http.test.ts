import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, askMany } from './kit/ask.ts'
import type { Asked } from './kit/ask.ts'
import { startGateway } from './kit/gateway.ts'
import type { TestGateway } from './kit/gateway.ts'
import { startUpstream } from './kit/upstream.ts'
import type { SeenRequest, TestUpstream } from './kit/upstream.ts'
import { until } from './kit/until.ts'

let folder = ''
let service: TestUpstream
let gateway: TestGateway
/** What the service answers. */
let status = 200

const yaml = (more = ''): string => `
brokers: { default: { type: embedded, path: ${join(folder, 'broker.db')} } }
messaging: { store: ${join(folder, 'jobs.db')} }
queues:
  orders: { type: direct, durable: true, ttl: 1h, dead_letter: true }
consumers:
  order_worker:
    queue: orders
    prefetch: 5
    concurrency: 5
    timeout: 5s
    retry: { max_attempts: 1, dead_letter_after: 2, backoff: constant, base_delay: 10ms, max_delay: 10ms }
    deliver_to: { service: worker, path: /work }
services:
  worker: { urls: ["${service.url}"] }
routing_rules:
  - { path: /orders, methods: [POST], queue: orders }
${more}`

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-over-http-'))
  status = 200
  service = await startUpstream((_req, res, { body }) => {
    res.statusCode = status
    res.setHeader('content-type', 'application/json')
    res.end(`{"done":${body}}`)
  })
})

afterEach(async () => {
  await gateway.close()
  await service.close()
  await rm(folder, { recursive: true, force: true })
})

const post = (body: string, headers: Record<string, string> = {}): Promise<Asked> =>
  ask(`${gateway.url}/orders`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
const json = ({ body }: Asked): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>
const statusOf = (posted: Asked): Promise<Asked> => ask(gateway.url + String(posted.headers.location), { headers: { prefer: 'wait=5' } })

test('a request goes through the queue to the service, and its sender reads the result', async () => {
  gateway = await startGateway(yaml())
  const posted = await post('{"order":1}', { 'idempotency-key': 'k1', authorization: 'Bearer secret' })
  expect(posted.status).toBe(202)
  const ended = json(await statusOf(posted))
  expect(ended).toMatchObject({ status: 'completed', attempts: 1, result: { status: 200, body: { done: { order: 1 } } } })
  const [seen] = service.seen as readonly [SeenRequest]
  expect([seen.url, seen.body, seen.headers['idempotency-key'], seen.headers.authorization]).toEqual(['/work', '{"order":1}', 'k1', undefined])
})

test('a client that waits has the result in the answer to its request', async () => {
  gateway = await startGateway(yaml())
  const answer = await post('{"order":2}', { prefer: 'wait=10' })
  expect([answer.status, answer.headers['preference-applied']]).toEqual([200, 'wait=10'])
  expect(json(answer)).toMatchObject({ status: 'completed', result: { body: { done: { order: 2 } } } })
})

test('what the service refuses for good ends as dead letter, and its sender learns why', async () => {
  gateway = await startGateway(yaml())
  status = 422
  expect(json(await statusOf(await post('{}')))).toMatchObject({ status: 'dead_lettered', attempts: 1, last_error: { type: 'status_422' } })
})

test('what the service cannot do now is tried as often as the consumer says', async () => {
  gateway = await startGateway(yaml())
  status = 500
  expect(json(await statusOf(await post('{}')))).toMatchObject({ status: 'dead_lettered', attempts: 2, last_error: { type: 'status_500' } })
  expect(service.seen).toHaveLength(2)
})

test('one key brings one call of the service, however often and at once it is sent', async () => {
  gateway = await startGateway(yaml())
  const statuses = await askMany(100, () => post('{"order":3}', { 'idempotency-key': 'once' }))
  expect((statuses[202] ?? 0) + (statuses[409] ?? 0)).toBe(100)
  const again = await post('{"order":3}', { 'idempotency-key': 'once' })
  expect(again.headers['idempotent-replayed']).toBe('true')
  await statusOf(again)
  expect(service.seen).toHaveLength(1)
})

test('statuses and keys survive a reload and a restart', async () => {
  gateway = await startGateway(yaml())
  const posted = await post('{"order":4}', { 'idempotency-key': 'kept' })
  await statusOf(posted)
  await gateway.apply(yaml('  - { path: /hello, respond: { status: 200, body: hello } }\n'))
  expect(json(await statusOf(posted))).toMatchObject({ status: 'completed' })
  await gateway.close()
  gateway = await startGateway(yaml())
  expect(json(await statusOf(posted))).toMatchObject({ status: 'completed' })
  const again = await post('{"order":4}', { 'idempotency-key': 'kept' })
  expect([again.headers.location, again.body]).toEqual([posted.headers.location, posted.body])
  expect(service.seen).toHaveLength(1)
})

test('clients that wait are answered when the gateway drains', async () => {
  gateway = await startGateway(yaml().replace(/consumers:[^]*services:/, 'services:'))
  const waiting = post('{}', { prefer: 'wait=60' })
  await until('the message is stored', async () => (await gateway.sample('headgate_requests_in_flight')) === 1)
  const { drained } = await gateway.runtime.drain()
  expect(drained).toBe(true)
  expect((await waiting).status).toBe(202)
})
