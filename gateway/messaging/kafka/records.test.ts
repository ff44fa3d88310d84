import { expect, test } from 'vitest'
import type { Message } from '../message.ts'
import { copyRecord, deadLetterRecord, newRecord, readDeadLetter, readEnvelope, replayRecord, tombstone } from './records.ts'
import type { NewRecord, RawRecord } from './records.ts'

const message: Message = {
  id: 'order 1',
  body: Buffer.from([0xff, 0x00]),
  contentType: 'application/octet-stream',
  headers: { 'ce-type': 'OrderCreated', 'headgate-job': '1', 'idempotency-key': 'k' },
  key: 'customer ü',
  publishedAtMs: 1000,
}
const address = { exchange: 'orders', routingKey: 'order.created' }

/** What was written, as it is read. */
const stored = (record: NewRecord, offset = 7n): RawRecord => ({
  topic: record.topic,
  partition: record.partition ?? 0,
  offset,
  timestampMs: 5000,
  key: record.key,
  value: record.value,
  headers: [...record.headers],
})

test('a message is read as it was written, the header of its job included, our own headers not', () => {
  const envelope = readEnvelope(stored(newRecord('q', address, message)))
  expect(envelope.message).toEqual(message)
  expect(envelope).toMatchObject({ address, deliveries: 0, failures: 0, attempts: 0, firstFailedAtMs: undefined, notBeforeMs: 0, queuedAtMs: 1000 })
})

test('a publisher cannot set our own headers', () => {
  const forged = { ...message, headers: { 'headgate-id': 'other', 'headgate-failures': '4' } }
  expect(readEnvelope(stored(newRecord('q', address, forged)))).toMatchObject({ failures: 0, message: { id: 'order 1', headers: {} } })
})

test('a copy carries the history, and the rest byte for byte', () => {
  const first = stored(newRecord('q', address, message))
  const state = { deliveries: 2, failures: 1, attempts: 3, firstFailedAtMs: 2000, notBeforeMs: 9000.4 }
  const copy = copyRecord(first, readEnvelope(first), 'q.retry', 2, state)
  expect(copy).toMatchObject({ topic: 'q.retry', partition: 2, key: first.key, value: first.value })
  expect(readEnvelope(stored(copy))).toEqual({ message, address, ...state, notBeforeMs: 9001, queuedAtMs: 1000 })
})

test('a record of someone else gets an id from its place, also in its copies', () => {
  const foreign: RawRecord = {
    topic: 'q',
    partition: 3,
    offset: 12n,
    timestampMs: 4000,
    key: Buffer.from([0xff]),
    value: undefined,
    headers: [[null, null]],
  }
  const envelope = readEnvelope(foreign)
  expect(envelope.message).toMatchObject({ id: 'q-3-12', publishedAtMs: 4000, headers: {}, contentType: undefined })
  expect(envelope.message.body).toHaveLength(0)
  const copy = stored(copyRecord(foreign, envelope, 'q.retry', 0, envelope), 99n)
  expect(copy.key).toEqual(Buffer.from([0xff]))
  expect(readEnvelope(copy).message.id).toBe('q-3-12')
})

test('a dead letter tells everything; replayed, it is the message again with a fresh history and its whole time to live', () => {
  const first = stored(newRecord('q', address, message))
  const state = { deliveries: 5, failures: 4, attempts: 15, firstFailedAtMs: 2000, notBeforeMs: 0 }
  const parking = { reason: 'failed', error: { type: 'status_503', message: 'x'.repeat(600) }, parkedAtMs: 3000 } as const
  const letter = stored(deadLetterRecord(first, readEnvelope(first), 'q.dlq', state, parking))
  expect(readDeadLetter('q', letter)).toEqual({
    message,
    letter: {
      id: 'order 1',
      queue: 'q',
      reason: 'failed',
      lastError: { type: 'status_503', message: 'x'.repeat(500) },
      attempts: 15,
      deliveries: 5,
      publishedAtMs: 1000,
      firstFailedAtMs: 2000,
      parkedAtMs: 3000,
      exchange: 'orders',
      routingKey: 'order.created',
      contentType: message.contentType,
      headers: message.headers,
      key: message.key,
      bodyBytes: 2,
    },
  })
  const replayed = stored(replayRecord('q', letter, 8000))
  expect(replayed.key?.toString()).toBe(message.key)
  expect(readEnvelope(replayed)).toMatchObject({ message, address, deliveries: 0, failures: 0, attempts: 0, queuedAtMs: 8000 })
})

test('a message that is parked again is another letter: the tombstone of the first leaves it alone', () => {
  const parking = { reason: 'rejected', error: { type: 'status_400', message: '' }, parkedAtMs: 1 } as const
  const parked = (offset: bigint): RawRecord => {
    const record = stored(newRecord('q', address, message), offset)
    return stored(deadLetterRecord(record, readEnvelope(record), 'q.dlq', readEnvelope(record), parking))
  }
  expect(parked(1n).key).toEqual(parked(1n).key)
  expect(tombstone(parked(1n)).key).not.toEqual(parked(2n).key)
})
