import type { DeadLetter } from '../dead-letter.ts'
import type { Address, Message } from '../message.ts'
import { deadLetterReasons } from '../settlement.ts'
import type { DeadLetterReason, FailureNote } from '../settlement.ts'

/** A record as it was read. */
export interface RawRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Buffer | undefined
  /** Undefined for a tombstone. */
  readonly value: Buffer | undefined
  readonly headers: readonly RawHeader[]
}

type RawHeader = readonly [name: Buffer | null, value: Buffer | null]

/** A record to be written. Names of headers are buffers: records of others may repeat a name. */
export interface NewRecord {
  readonly topic: string
  readonly partition?: number
  readonly key?: Buffer
  readonly value?: Buffer
  readonly headers: Map<Buffer, Buffer>
}

/** What a record says of its message's way so far; the state of a message that waits for a retry is nowhere else. */
export interface Envelope {
  readonly message: Message
  readonly address: Partial<Address>
  /** Ended deliveries in all, settled as `retry` or `dead_letter`. */
  readonly deliveries: number
  readonly failures: number
  readonly attempts: number
  readonly firstFailedAtMs: number | undefined
  /** Milliseconds since the epoch; 0: may be delivered at once. */
  readonly notBeforeMs: number
  /** When it came into its queue, by being published or replayed: its time to live counts from here. */
  readonly queuedAtMs: number
}

/** Headers of our own; everything else belongs to the message. */
const own = {
  id: 'headgate-id',
  published: 'headgate-published',
  exchange: 'headgate-exchange',
  routingKey: 'headgate-routing-key',
  deliveries: 'headgate-deliveries',
  failures: 'headgate-failures',
  attempts: 'headgate-attempts',
  firstFailed: 'headgate-first-failed',
  notBefore: 'headgate-not-before',
  replayed: 'headgate-replayed',
  reason: 'headgate-reason',
  errorType: 'headgate-error-type',
  error: 'headgate-error',
  parked: 'headgate-parked',
  /** Key of a parked message in base64: the key of its record names the parking. */
  key: 'headgate-key',
} as const
const ownNames: ReadonlySet<string> = new Set(Object.values(own))

export function newRecord(topic: string, address: Address, message: Message): NewRecord {
  const headers = new Map<Buffer, Buffer>()
  put(headers, own.id, message.id)
  put(headers, own.published, message.publishedAtMs)
  put(headers, own.exchange, address.exchange)
  put(headers, own.routingKey, address.routingKey)
  if (message.contentType !== undefined) put(headers, 'content-type', message.contentType)
  for (const [name, value] of Object.entries(message.headers)) {
    if (!ownNames.has(name) && name !== 'content-type') put(headers, name, value)
  }
  return { topic, ...(message.key === undefined ? {} : { key: Buffer.from(message.key) }), value: message.body, headers }
}

/** Never throws: records of others may hold anything. */
export function readEnvelope(record: RawRecord): Envelope {
  const all = textHeaders(record.headers)
  const headers = Object.fromEntries([...all].filter(([name]) => !ownNames.has(name) && name !== 'content-type'))
  const exchange = all.get(own.exchange)
  const routingKey = all.get(own.routingKey)
  const publishedAtMs = whole(all.get(own.published)) ?? record.timestampMs
  return {
    message: {
      // Of records of others, the place names them: the same at every delivery.
      id: all.get(own.id) ?? `${record.topic}-${record.partition}-${record.offset}`,
      body: record.value ?? Buffer.alloc(0),
      contentType: all.get('content-type'),
      headers,
      key: record.key?.toString(),
      publishedAtMs,
    },
    address: { ...(exchange === undefined ? {} : { exchange }), ...(routingKey === undefined ? {} : { routingKey }) },
    deliveries: whole(all.get(own.deliveries)) ?? 0,
    failures: whole(all.get(own.failures)) ?? 0,
    attempts: whole(all.get(own.attempts)) ?? 0,
    firstFailedAtMs: whole(all.get(own.firstFailed)),
    notBeforeMs: whole(all.get(own.notBefore)) ?? 0,
    queuedAtMs: whole(all.get(own.replayed)) ?? publishedAtMs,
  }
}

/** What changes between a record and its copy. */
export interface CopyState {
  readonly deliveries: number
  readonly failures: number
  readonly attempts: number
  readonly firstFailedAtMs: number | undefined
  readonly notBeforeMs: number
}

/** The same message with another history, for another topic. Headers and key stay byte for byte. */
export function copyRecord(record: RawRecord, envelope: Envelope, topic: string, partition: number | undefined, state: CopyState): NewRecord {
  return {
    topic,
    ...(partition === undefined ? {} : { partition }),
    ...(record.key === undefined ? {} : { key: record.key }),
    ...(record.value === undefined ? { value: Buffer.alloc(0) } : { value: record.value }),
    headers: copyHeaders(record, envelope, state),
  }
}

export interface Parking {
  readonly reason: DeadLetterReason
  readonly error: FailureNote
  readonly parkedAtMs: number
}

export function deadLetterRecord(record: RawRecord, envelope: Envelope, topic: string, state: CopyState, parking: Parking): NewRecord {
  const headers = copyHeaders(record, envelope, state)
  put(headers, own.reason, parking.reason)
  put(headers, own.errorType, parking.error.type)
  put(headers, own.error, parking.error.message.slice(0, 500))
  put(headers, own.parked, parking.parkedAtMs)
  if (record.key !== undefined) put(headers, own.key, record.key.toString('base64'))
  return { topic, key: deadLetterKey(record, envelope), value: record.value ?? Buffer.alloc(0), headers }
}

/**
 * Names one parking, not the message: a message that is parked again right after its replay must not be removed by the tombstone of its
 * earlier letter. The same record parked twice, because its commit was lost, is one letter.
 */
function deadLetterKey(record: RawRecord, envelope: Envelope): Buffer {
  return Buffer.from(`${envelope.message.id}\n${record.partition}-${record.offset}`)
}

export interface ParkedMessage {
  readonly letter: DeadLetter
  readonly message: Message
}

export function readDeadLetter(queue: string, record: RawRecord): ParkedMessage {
  const all = textHeaders(record.headers)
  const envelope = readEnvelope(record)
  const key = all.get(own.key)
  const message: Message = { ...envelope.message, key: key === undefined ? undefined : Buffer.from(key, 'base64').toString() }
  const reason = all.get(own.reason)
  return {
    message,
    letter: {
      id: message.id,
      queue,
      reason: deadLetterReasons.find((known) => known === reason) ?? 'invalid',
      lastError: { type: all.get(own.errorType) ?? 'unknown', message: all.get(own.error) ?? '' },
      attempts: envelope.attempts,
      deliveries: envelope.deliveries,
      publishedAtMs: message.publishedAtMs,
      firstFailedAtMs: envelope.firstFailedAtMs,
      parkedAtMs: whole(all.get(own.parked)) ?? record.timestampMs,
      exchange: envelope.address.exchange,
      routingKey: envelope.address.routingKey,
      contentType: message.contentType,
      headers: message.headers,
      key: message.key,
      bodyBytes: message.body.length,
    },
  }
}

/** The parked message for its queue again, as if it had just been published. */
export function replayRecord(queue: string, record: RawRecord, nowMs: number): NewRecord {
  const { message } = readDeadLetter(queue, record)
  const rawKey = textHeaders(record.headers).get(own.key)
  const envelope: Envelope = { ...readEnvelope(record), message, queuedAtMs: nowMs }
  const fresh: CopyState = { deliveries: 0, failures: 0, attempts: 0, firstFailedAtMs: undefined, notBeforeMs: 0 }
  return {
    topic: queue,
    ...(rawKey === undefined ? {} : { key: Buffer.from(rawKey, 'base64') }),
    value: message.body,
    headers: copyHeaders(record, envelope, fresh),
  }
}

/** Removes the letter of this record. */
export function tombstone(letter: RawRecord): NewRecord {
  return { topic: letter.topic, ...(letter.key === undefined ? {} : { key: letter.key }), headers: new Map() }
}

/** Bytes of a record, roughly; what counts against the limit of a batch. */
export function recordBytes(record: NewRecord): number {
  let bytes = 64 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += name.length + value.length + 8
  return bytes
}

function copyHeaders(record: RawRecord, envelope: Envelope, state: CopyState): Map<Buffer, Buffer> {
  const headers = new Map<Buffer, Buffer>()
  for (const [name, value] of record.headers) {
    if (name !== null && !ownNames.has(name.toString().toLowerCase())) headers.set(name, value ?? Buffer.alloc(0))
  }
  put(headers, own.id, envelope.message.id)
  put(headers, own.published, envelope.message.publishedAtMs)
  if (envelope.queuedAtMs !== envelope.message.publishedAtMs) put(headers, own.replayed, Math.floor(envelope.queuedAtMs))
  if (envelope.address.exchange !== undefined) put(headers, own.exchange, envelope.address.exchange)
  if (envelope.address.routingKey !== undefined) put(headers, own.routingKey, envelope.address.routingKey)
  if (state.deliveries > 0) put(headers, own.deliveries, state.deliveries)
  if (state.failures > 0) put(headers, own.failures, state.failures)
  if (state.attempts > 0) put(headers, own.attempts, state.attempts)
  if (state.firstFailedAtMs !== undefined) put(headers, own.firstFailed, state.firstFailedAtMs)
  if (state.notBeforeMs > 0) put(headers, own.notBefore, Math.ceil(state.notBeforeMs))
  return headers
}

function put(headers: Map<Buffer, Buffer>, name: string, value: string | number): void {
  headers.set(Buffer.from(name), Buffer.from(String(value)))
}

function textHeaders(headers: readonly RawHeader[]): Map<string, string> {
  const text = new Map<string, string>()
  for (const [name, value] of headers) {
    if (name !== null) text.set(name.toString().toLowerCase(), value === null ? '' : value.toString())
  }
  return text
}

function whole(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return undefined
  return Number(text)
}
