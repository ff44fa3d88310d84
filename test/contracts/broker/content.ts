import { expect } from 'vitest'
import type { Message } from '../../../gateway/messaging/message.ts'
import { type Bench, type Cases, addressOf } from './bench.ts'

/** The message as a consumer gets it. */
async function carried(bench: Bench, differences: Partial<Message>): Promise<{ readonly sent: Message; readonly got: Message }> {
  const queue = bench.queue()
  const broker = await bench.open(queue)
  const sent = bench.message(differences)
  await broker.publish(addressOf(queue), sent)
  const delivery = await bench.subscribe(broker, queue).next()
  await delivery.settle({ outcome: 'ack' })
  return { sent, got: delivery.message }
}

/** Entries, because the order and prototype of the headers are nobody's business. */
const plain = ({ body, headers, ...rest }: Message): object => ({
  ...rest,
  body: Buffer.from(body).toString('base64'),
  headers: Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1)),
})

export const contentCases: Cases = (specify) => {
  const carries = (title: string, differences: (bench: Bench) => Partial<Message>): void =>
    specify(title, async (bench) => {
      const { sent, got } = await carried(bench, differences(bench))
      expect(plain(got)).toEqual(plain(sent))
    })

  carries('id, body, content type, headers, key and publishing time arrive as they were sent', () => ({
    id: 'order-4711/Zürich',
    body: Buffer.from('{"name":"Zoë","sign":"€"}'),
    contentType: 'application/json; charset=utf-8',
    headers: {
      'ce-id': '1',
      'ce-type': 'OrderCreated',
      'ce-source': '/order-service',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'idempotency-key': 'intent-1',
    },
    key: 'customer 7/ä',
    publishedAtMs: 1_700_000_000_123,
  }))

  carries('a message without content type, key and headers gets none', () => ({ contentType: undefined, key: undefined, headers: {} }))

  carries('an empty body is a body', () => ({ body: Buffer.alloc(0) }))

  carries('bytes that are not UTF-8 arrive unchanged', () => ({
    body: Buffer.from([0xff, 0xfe, 0x00, 0xc3, 0x28, 0xed, 0xa0, 0x80, 0x80]),
    contentType: 'application/octet-stream',
  }))

  carries('a body of 1 MiB arrives whole', () => ({
    body: Buffer.alloc(1024 * 1024, 'all the letters of a long message '),
    contentType: 'text/plain',
  }))

  carries('five hundred headers arrive', () => ({
    headers: Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x-header-${index}`, `value ${index}`])),
  }))

  carries('header values of every kind of text arrive as text', () => ({
    headers: {
      'x-empty': '',
      'x-spaces': '  around  ',
      'x-unicode': 'ü € 😀',
      'x-long': 'v'.repeat(8192),
      'x-number': '007',
      'x-boolean': 'true',
      'x-null': 'null',
      'x-json': '{"a":[1,"2"]}',
      'x-date': '2026-11-22T00:00:00Z',
      constructor: 'a name that objects have',
      'x-death': 'a name that brokers use',
      'content-encoding': 'gzip',
      'user-id': 'guest',
      type: 'a',
      priority: '9',
    },
  }))

  specify('what a consumer does to a delivery that is retried does not change the message', async (bench) => {
    const queue = bench.queue()
    const broker = await bench.open(queue)
    const sent = bench.message({
      id: 'same',
      headers: { 'idempotency-key': 'k' },
      key: 'c',
      body: Buffer.from([0, 255]),
      publishedAtMs: Date.now() - 5000,
    })
    await broker.publish(addressOf(queue), sent)
    const inbox = bench.subscribe(broker, queue)
    const error = { type: 'status_503', message: 'busy' }
    await (await inbox.next()).settle({ outcome: 'retry', delayMs: 10, attempts: 1, error })
    const second = await inbox.next()
    expect(plain(second.message)).toEqual(plain(sent))
    await second.settle({ outcome: 'release', delayMs: 10 })
    const third = await inbox.next()
    expect(plain(third.message)).toEqual(plain(sent))
    await third.settle({ outcome: 'ack' })
  })
}
