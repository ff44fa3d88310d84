import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask } from './kit/ask.ts'
import type { Asked } from './kit/ask.ts'
import { startGateway } from './kit/gateway.ts'
import type { TestGateway } from './kit/gateway.ts'
import { startUpstream } from './kit/upstream.ts'
import type { TestUpstream } from './kit/upstream.ts'
import { until } from './kit/until.ts'

let folder = ''
let inventory: TestUpstream
let notification: TestUpstream
let gateway: TestGateway

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headgate-events-'))
  inventory = await startUpstream()
  notification = await startUpstream()
  gateway = await startGateway(`
brokers: { default: { type: embedded, path: ${join(folder, 'broker.db')} } }
messaging: { store: ${join(folder, 'jobs.db')} }
events:
  OrderCreated:
    publishers: [order-service]
    schema: { type: object, required: [orderId], properties: { orderId: { type: string } } }
    subscribers:
      inventory: { service: inventory, path: /events }
      notification: { service: notification, path: /hooks }
  OrderDeleted: { publishers: [order-service] }
services:
  inventory: { urls: ["${inventory.url}"] }
  notification: { urls: ["${notification.url}"] }
routing_rules:
  - { path: /events, methods: [POST], events: [OrderCreated] }
  - { path: /unheard, methods: [POST], events: [OrderDeleted] }
`)
})

afterEach(async () => {
  await gateway.close()
  await inventory.close()
  await notification.close()
  await rm(folder, { recursive: true, force: true })
})

const event = (id: string, data: unknown = { orderId: 'o1' }): object => ({
  specversion: '1.0',
  id,
  source: 'order-service',
  type: 'OrderCreated',
  data,
})
const post = (type: string, body: unknown, headers: Record<string, string> = {}): Promise<Asked> =>
  ask(`${gateway.url}/events`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': type, ...headers } })

test('every subscriber of an event gets it, whichever way it was sent', async () => {
  const binary = { 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' }
  expect(JSON.parse((await post('application/json', { orderId: 'o1' }, binary)).body)).toEqual({ accepted: 1, ids: ['e1'] })
  expect((await post('application/cloudevents+json', event('e2'))).status).toBe(202)
  expect(JSON.parse((await post('application/cloudevents-batch+json', [event('e3'), event('e4')])).body)).toEqual({ accepted: 2, ids: ['e3', 'e4'] })
  for (const [subscriber, url] of [
    [inventory, '/events'],
    [notification, '/hooks'],
  ] as const) {
    await until('all four have come', () => subscriber.seen.length === 4 && subscriber.seen.every(({ body }) => body !== ''))
    expect(subscriber.seen.map(({ headers }) => String(headers['ce-id'])).sort()).toEqual(['e1', 'e2', 'e3', 'e4'])
    for (const seen of subscriber.seen) {
      expect([seen.url, seen.body, seen.headers['ce-type'], seen.headers['ce-source'], seen.headers['content-type']]).toEqual([
        url,
        '{"orderId":"o1"}',
        'OrderCreated',
        'order-service',
        'application/json',
      ])
    }
  }
})

test('an event that nobody subscribes to is checked, and taken', async () => {
  const deleted = { specversion: '1.0', id: 'e1', source: 'order-service', type: 'OrderDeleted' }
  const unheard = (body: object): Promise<Asked> =>
    ask(`${gateway.url}/unheard`, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/cloudevents+json' } })
  expect(await unheard(deleted)).toMatchObject({ status: 202, body: '{"accepted":1,"ids":["e1"]}' })
  expect((await unheard({ ...deleted, source: 'somebody' })).status).toBe(403)
})

test('what is not as declared reaches nobody', async () => {
  const answers = [
    await post('application/cloudevents+json', { ...event('e1'), source: 'stranger' }),
    await post('application/cloudevents+json', { ...event('e1'), type: 'OrderDeleted' }),
    await post('application/cloudevents-batch+json', [event('e1'), event('e2', { orderId: 7 })]),
  ]
  expect(answers.map(({ status }) => status)).toEqual([403, 422, 422])
  expect((await post('application/cloudevents+json', event('last'))).status).toBe(202)
  await until('the valid one has come', () => inventory.seen.length > 0)
  expect(inventory.seen.map(({ headers }) => headers['ce-id'])).toEqual(['last'])
})
