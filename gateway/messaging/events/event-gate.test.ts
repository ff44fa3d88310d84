import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventConfig, QueueConfig } from '../../../config/model.ts'
import { directQueue } from '../../../test/kit/messages.ts'
import { GatewayError } from '../../errors.ts'
import type { Message } from '../message.ts'
import { maxBatchEvents } from './cloud-event.ts'
import { eventGate, eventIntake } from './event-gate.ts'
import { jsonSpans } from './json-spans.ts'

const schema = {
  type: 'object',
  required: ['orderId'],
  properties: { orderId: { type: 'string' }, items: { type: 'array', items: { type: 'object', properties: { qty: { type: 'integer' } } } } },
}

const event = (over: Partial<EventConfig> = {}): EventConfig => ({
  name: 'OrderCreated',
  broker: 'default',
  exchange: 'events',
  publishers: ['order-service'],
  schema,
  queues: [],
  ...over,
})

const message = (over: Partial<Message> = {}): Message => ({
  id: 'm1',
  body: Buffer.from('{"orderId":"o1"}'),
  contentType: 'application/json',
  headers: { 'ce-specversion': '1.0', 'ce-id': 'e1', 'ce-source': 'order-service', 'ce-type': 'OrderCreated' },
  key: undefined,
  publishedAtMs: 1,
  ...over,
})

const attributes = { specversion: '1.0', id: 'e1', source: 'order-service', type: 'OrderCreated' }
const structured = (value: unknown): Message =>
  message({ headers: { traceparent: 't' }, contentType: 'application/cloudevents+json; charset=UTF-8', body: Buffer.from(JSON.stringify(value)) })
const batch = (values: unknown): Message => ({ ...structured(values), contentType: 'application/cloudevents-batch+json' })

interface Published {
  readonly event: string
  readonly message: Message
}

async function taken(of: Message, events: readonly EventConfig[] = [event()], queues: readonly QueueConfig[] = []): Promise<readonly Published[]> {
  const published: Published[] = []
  const intake = eventIntake(events, (name, one) => Promise.resolve(void published.push({ event: name, message: one })), queues)
  await intake(
    of,
    events.map(({ name }) => name),
  )
  return published
}

/** Code and words of the refusal. */
async function refused(of: Message, events: readonly EventConfig[] = [event()]): Promise<readonly [string, string | undefined]> {
  let published = 0
  const intake = eventIntake(events, () => Promise.resolve(void (published += 1)))
  const error: unknown = await intake(
    of,
    events.map(({ name }) => name),
  ).catch((thrown: unknown) => thrown)
  expect(published).toBe(0)
  if (!(error instanceof GatewayError)) throw new Error('it was taken')
  return [error.code, error.detail]
}

describe('an event', () => {
  test('in binary mode goes on as it came', async () => {
    const one = message({ headers: { ...message().headers, traceparent: 't', 'headgate-job': '1' } })
    const [published] = await taken(one)
    expect(published).toEqual({ event: 'OrderCreated', message: { ...one, headers: { ...message().headers, traceparent: 't' } } })
  })

  test('in structured mode becomes binary: attributes as headers, the data as it was written', async () => {
    const text = `{"specversion":"1.0", "data" : { "orderId":"o1","n":12345678901234567890 , "x":"}\\"" },
      "id":"e 1","source":"order-service","type":"OrderCreated","flag":true,"count":7,"gone":null,"note":"gr\\u00fc\\u00dfe \\"%\\""}`
    const [published] = await taken(message({ headers: {}, contentType: 'application/cloudevents+json', body: Buffer.from(text) }))
    expect(published?.message.body.toString()).toBe('{ "orderId":"o1","n":12345678901234567890 , "x":"}\\"" }')
    expect(published?.message.contentType).toBe('application/json')
    expect(published?.message.headers).toEqual({
      'ce-specversion': '1.0',
      'ce-id': 'e%201',
      'ce-source': 'order-service',
      'ce-type': 'OrderCreated',
      'ce-flag': 'true',
      'ce-count': '7',
      'ce-note': 'gr%C3%BC%C3%9Fe%20%22%25%22',
    })
  })

  test('may carry text, bytes or nothing where no schema asks for more', async () => {
    const free = [event({ schema: undefined })]
    const bodyOf = async (more: object): Promise<readonly [string | undefined, string | undefined]> => {
      const [published] = await taken(structured({ ...attributes, ...more }), free)
      return [published?.message.contentType, published?.message.body.toString()]
    }
    expect(await bodyOf({ datacontenttype: 'text/plain', data: 'a "b"' })).toEqual(['text/plain', 'a "b"'])
    expect(await bodyOf({ data: 'a' })).toEqual(['application/json', '"a"'])
    expect(await bodyOf({ data: null })).toEqual(['application/json', 'null'])
    expect(await bodyOf({ datacontenttype: 'image/png', data_base64: 'cG5n' })).toEqual(['image/png', 'png'])
    expect(await bodyOf({})).toEqual([undefined, ''])
  })

  test('in base64 may be as large as any body, with padding or without', async () => {
    const take = async (base64: string): Promise<Buffer | undefined> =>
      (await taken(structured({ ...attributes, datacontenttype: 'image/png', data_base64: base64 }), [event({ schema: undefined })]))[0]?.message.body
    const body = Buffer.alloc(12_000_001, 7)
    expect((await take(body.toString('base64')))?.equals(body)).toBe(true)
    expect((await take(body.toString('base64').replaceAll('=', '')))?.equals(body)).toBe(true)
  })

  test('has one content type, whichever header names it', async () => {
    const types = async (over: Partial<Message>): Promise<unknown> => {
      const [published] = await taken(message({ headers: { ...message().headers, 'ce-datacontenttype': 'text/json' }, ...over }))
      return [published?.message.contentType, published?.message.headers['ce-datacontenttype']]
    }
    expect(await types({})).toEqual(['application/json', undefined])
    expect(await types({ contentType: undefined })).toEqual(['text/json', undefined])
  })

  test('is known by its decoded attributes', async () => {
    const grusse = [event({ publishers: ['/läden/1'] })]
    const headers = { ...message().headers, 'ce-source': '/l%C3%A4den/1' }
    expect(await taken(message({ headers }), grusse)).toHaveLength(1)
  })

  test('from a consumer keeps the id of its message', async () => {
    const ids: string[] = []
    await eventGate([event()], (_name, one) => Promise.resolve(void ids.push(one.id)))(message(), ['OrderCreated'])
    expect(ids).toEqual(['m1'])
  })

  test('gets the key that its queues are ordered by, and none where they differ', async () => {
    const queue = (name: string, body: readonly string[]): QueueConfig =>
      directQueue(name, { type: 'topic', exchange: 'events', bindings: [], orderBy: { body } })
    const keyOf = async (queues: readonly QueueConfig[]): Promise<string | undefined> => {
      const headers = { ...message().headers, 'ce-partitionkey': 'p' }
      const [published] = await taken(message({ headers }), [event({ queues: ['a', 'b'] })], queues)
      return published?.message.key
    }
    expect(await keyOf([queue('a', ['orderId']), queue('b', ['orderId']), queue('other', ['x'])])).toBe('o1')
    expect(await keyOf([queue('a', ['orderId']), queue('b', ['customer'])])).toBeUndefined()
    expect(await keyOf([])).toBe('p')
  })
})

describe('a batch', () => {
  test('is published whole, in its order, each event under an id of its own', async () => {
    const published = await taken(batch([1, 2, 3].map((n) => ({ ...attributes, id: `e${n}`, data: { orderId: String(n) } }))))
    expect(published.map(({ message: { id, body } }) => [id, body.toString()])).toEqual([
      ['m1-0', '{"orderId":"1"}'],
      ['m1-1', '{"orderId":"2"}'],
      ['m1-2', '{"orderId":"3"}'],
    ])
  })

  test('with one event that is not valid is not published at all', async () => {
    const good = { ...attributes, data: { orderId: 'o' } }
    expect(await refused(batch([good, { ...good, data: { orderId: 7 } }]))).toEqual(['EVENT_INVALID', '/1/data/orderId: must be string.'])
    expect(await refused(batch([good, { ...good, source: 'x' }]))).toEqual([
      'EVENT_SOURCE_UNDECLARED',
      '/1: source is not a declared publisher of the event.',
    ])
  })

  test('may be empty and has a limit', async () => {
    expect(await taken(batch([]))).toEqual([])
    expect((await refused(batch(Array.from({ length: maxBatchEvents + 1 }, () => 0))))[0]).toBe('EVENT_INVALID')
    expect((await refused(batch({})))[0]).toBe('EVENT_INVALID')
  })

  test('whose broker fails in the middle fails as a whole, after all that was begun has ended', async () => {
    let ended = 0
    const intake = eventIntake([event({ schema: undefined })], async (_name, { id }) => {
      await Promise.resolve()
      ended += 1
      if (id === 'm1-1') throw new GatewayError('BROKER_UNAVAILABLE')
    })
    const three = batch([attributes, attributes, attributes])
    await expect(intake(three, ['OrderCreated'])).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
    expect(ended).toBe(3)
  })
})

describe('refused is an event', () => {
  const headers = message().headers
  const without = (name: string): Record<string, string> => Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name))

  test.each(['ce-specversion', 'ce-id', 'ce-source', 'ce-type'])('without %s', async (name) => {
    const [code, detail] = await refused(message({ headers: without(name) }))
    expect(code).toBe('EVENT_INVALID')
    expect(detail).toContain(name.slice(3))
  })

  test.each([
    ['of another version', { 'ce-specversion': '0.3' }],
    ['with an empty id', { 'ce-id': '' }],
    ['of a type that is not taken here', { 'ce-type': 'OrderDeleted' }],
    ['with a time that is none', { 'ce-time': 'yesterday' }],
    ['with a month 13', { 'ce-time': '2026-13-01T00:00:00Z' }],
    ['with broken percent encoding', { 'ce-subject': '%E0%A4' }],
    ['with an attribute that is too long', { 'ce-subject': 'x'.repeat(3000) }],
    ['with an odd attribute name', { 'ce-a_b': 'x' }],
    ['with data among the attributes', { 'ce-data': 'x' }],
  ])('%s', async (_what, more) => {
    expect((await refused(message({ headers: { ...headers, ...more } })))[0]).toBe('EVENT_INVALID')
  })

  test('from somebody who is not declared as publisher', async () => {
    expect((await refused(message({ headers: { ...headers, 'ce-source': 'stranger' } })))[0]).toBe('EVENT_SOURCE_UNDECLARED')
  })

  test.each([
    ['not JSON', Buffer.from('{')],
    ['empty', Buffer.alloc(0)],
    ['not UTF-8', Buffer.from([0xff])],
    ['of another type', Buffer.from('[]')],
  ])('whose data is %s', async (_what, body) => {
    expect((await refused(message({ body })))[0]).toBe('EVENT_INVALID')
  })

  test('whose data cannot be looked into', async () => {
    expect(await refused(message({ contentType: 'text/plain' }))).toEqual(['EVENT_INVALID', 'The data must be JSON.'])
  })

  test('with the place of the violation and without the value', async () => {
    const body = Buffer.from('{"orderId":"o1","items":[{"qty":1},{"qty":"4111 1111 1111 1111"}]}')
    expect(await refused(message({ body }))).toEqual(['EVENT_INVALID', '/data/items/1/qty: must be integer.'])
  })

  test.each([
    ['an attribute that is an object', { subject: {} }],
    ['an attribute that is a fraction', { count: 1.5 }],
    ['data and data_base64', { data: {}, data_base64: '' }],
    ['data_base64 that is none', { data_base64: 'a===' }],
    ['a content type that is none', { datacontenttype: 'a\r\nx: y' }],
  ])('with %s', async (_what, more) => {
    expect((await refused(structured({ ...attributes, ...more })))[0]).toBe('EVENT_INVALID')
  })

  test.each(['a', 'aa=', 'aaa==', 'aaaa=', 'a a=', '=', 'aaaa====', 'a-_='])('with %j for base64', async (text) => {
    const loose = [event({ schema: undefined })]
    expect(await refused(structured({ ...attributes, data_base64: text }), loose)).toEqual(['EVENT_INVALID', 'data_base64 must be base64.'])
  })

  test('with a number as attribute that would not go on as it was written', async () => {
    expect((await refused(structured({ ...attributes, count: 2 ** 53 }), [event({ schema: undefined })]))[0]).toBe('EVENT_INVALID')
  })

  test.each(['7', 'null', '[]', '"a"', '{', ''])('that is %j', async (text) => {
    expect((await refused({ ...structured(0), body: Buffer.from(text) }))[0]).toBe('EVENT_INVALID')
  })

  test('in a format or an encoding that nobody reads here', async () => {
    expect((await refused(message({ contentType: 'application/cloudevents+avro' })))[0]).toBe('EVENT_INVALID')
    expect((await refused({ ...structured(attributes), headers: { 'content-encoding': 'gzip' } }))[0]).toBe('EVENT_INVALID')
  })

  test('with a deep nest as data, without harm', async () => {
    const body = Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))
    expect((await refused(message({ body })))[0]).toBe('EVENT_INVALID')
  })
})

describe('the schema of an event', () => {
  test.each(['http://json-schema.org/draft-07/schema#', 'https://json-schema.org/draft/2020-12/schema', undefined])(
    'may be of %s',
    async ($schema) => {
      const events = [event({ schema: { ...($schema === undefined ? {} : { $schema }), ...schema, 'x-note': 1, format: 'unheard-of' } })]
      expect(await taken(message(), events)).toHaveLength(1)
      expect(await refused(message({ body: Buffer.from('{}') }), events)).toEqual(['EVENT_INVALID', "/data: must have required property 'orderId'."])
    },
  )

  test('knows the tuples of its draft', async () => {
    const events = [event({ schema: { prefixItems: [{ type: 'integer' }] } })]
    expect((await refused(message({ body: Buffer.from('["a"]') }), events))[0]).toBe('EVENT_INVALID')
  })

  test.each([{ type: 'nonsense' }, { $ref: 'https://example.com/schema' }, { $async: true, type: 'object' }])('%j stops the start', (broken) => {
    expect(() => eventIntake([event({ schema: broken })], () => Promise.resolve())).toThrow('OrderCreated')
  })

  test('that refers to itself refuses what is nested too deeply to be followed', async () => {
    const tree = { type: 'array', items: { $ref: '#' } }
    const nested = (depth: number): Message => message({ body: Buffer.from('['.repeat(depth) + ']'.repeat(depth)) })
    expect(await taken(nested(100), [event({ schema: tree })])).toHaveLength(1)
    expect(await refused(nested(500_000), [event({ schema: tree })])).toEqual(['EVENT_INVALID', '/data: It is nested too deeply.'])
  })

  test('may have the name of another one', async () => {
    const named = { ...schema, $id: 'https://example.com/order' }
    expect(await taken(message(), [event({ name: 'Other', schema: named }), event({ schema: named })])).toHaveLength(1)
  })

  test('takes no value of the data for a keyword', () => {
    const events = [event({ schema: { properties: { a: { type: 'integer', maximum: { $data: '1/b' } } } } })]
    expect(() => eventIntake(events, () => Promise.resolve())).toThrow('OrderCreated')
  })
})

test('places in the text are those of the members and elements, whatever the JSON', () => {
  fc.assert(
    fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), fc.constantFrom(0, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const read = jsonSpans(text).map(({ name, start, end }) => [name, JSON.parse(text.slice(start, end)) as unknown])
      const parsed = JSON.parse(text) as object
      expect(read).toEqual(Array.isArray(parsed) ? parsed.map((one: unknown) => [undefined, one]) : Object.entries(parsed))
    }),
  )
})
