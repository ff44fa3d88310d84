import { afterEach, expect, test } from 'vitest'
import { ask } from '../../test/kit/ask.ts'
import type { Asked } from '../../test/kit/ask.ts'
import type { EventConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { Message } from '../messaging/message.ts'
import { eventsRoute } from './events-route.ts'
import { ruleOf, startDoor } from './test/door.ts'
import type { Door } from './test/door.ts'

let door: Door
let published: (readonly [event: string, message: Message])[] = []

afterEach(() => door.close())

const eventOf = (name: string, publishers: readonly string[]): EventConfig => ({
  name,
  broker: 'default',
  exchange: 'events',
  publishers,
  schema: { type: 'object', required: ['orderId'] },
  queues: [],
})

async function start(confirm: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  published = []
  const publisher = {
    toQueue: () => Promise.reject(new Error('no queues here')),
    event: async (name: string, message: Message) => {
      await confirm()
      published.push([name, message])
    },
  }
  const events = [eventOf('OrderCreated', ['order-service']), eventOf('OrderDeleted', [])]
  const config = ruleOf({ target: { type: 'events', events: ['OrderCreated'] } })
  door = await startDoor((parts) => [eventsRoute(config, { ...parts, publisher, events, queues: [] })])
}

const binary = {
  'content-type': 'application/json',
  'ce-specversion': '1.0',
  'ce-id': 'e1',
  'ce-source': 'order-service',
  'ce-type': 'OrderCreated',
}
const attributes = { specversion: '1.0', id: 'e1', source: 'order-service', type: 'OrderCreated' }
const post = (headers: Record<string, string>, body: string | Buffer): Promise<Asked> => ask(`${door.url}/orders`, { method: 'POST', headers, body })
const codeOf = ({ body }: Asked): unknown => (JSON.parse(body) as { code: unknown }).code

test('an event is answered with 202 and its id once it is published, without what is the client s own', async () => {
  await start()
  const answer = await post({ ...binary, authorization: 'Bearer secret', 'idempotency-key': 'k', 'x-tenant': 'acme' }, '{"orderId":"o1"}')
  expect([answer.status, JSON.parse(answer.body)]).toEqual([202, { accepted: 1, ids: ['e1'] }])
  const [[name, message] = []] = published
  expect([name, message?.body.toString(), message?.contentType]).toEqual(['OrderCreated', '{"orderId":"o1"}', 'application/json'])
  expect(Object.keys(message?.headers ?? {}).sort()).toEqual(['ce-id', 'ce-source', 'ce-specversion', 'ce-type', 'traceparent', 'x-tenant'])
})

test('a batch is answered with all its ids', async () => {
  await start()
  const events = ['a', 'b'].map((id) => ({ ...attributes, id, data: { orderId: id } }))
  const answer = await post({ 'content-type': 'application/cloudevents-batch+json' }, JSON.stringify(events))
  expect([answer.status, JSON.parse(answer.body)]).toEqual([202, { accepted: 2, ids: ['a', 'b'] }])
  expect(published).toHaveLength(2)
})

test('events that come twice are published twice', async () => {
  await start()
  await post(binary, '{"orderId":"o1"}')
  await post(binary, '{"orderId":"o1"}')
  expect(published).toHaveLength(2)
})

test.each([
  ['a type that the rule does not take', { 'ce-type': 'OrderDeleted' }, '{"orderId":"o1"}', 422, 'EVENT_INVALID'],
  ['a source that is not declared', { 'ce-source': 'stranger' }, '{"orderId":"o1"}', 403, 'EVENT_SOURCE_UNDECLARED'],
  ['data that breaks the schema', {}, '{}', 422, 'EVENT_INVALID'],
  ['no event at all', { 'ce-specversion': '' }, '{}', 422, 'EVENT_INVALID'],
])('%s is refused', async (_what, headers, body, status, code) => {
  await start()
  const answer = await post({ ...binary, ...headers }, body)
  expect([answer.status, codeOf(answer)]).toEqual([status, code])
  expect(published).toEqual([])
})

test('a broker that is away is answered with 503 and when to come back', async () => {
  await start(() => Promise.reject(new GatewayError('BROKER_UNAVAILABLE')))
  const answer = await post(binary, '{"orderId":"o1"}')
  expect([answer.status, answer.headers['retry-after'], codeOf(answer)]).toEqual([503, '5', 'BROKER_UNAVAILABLE'])
})
