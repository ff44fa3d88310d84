import { randomUUID } from 'node:crypto'
import type { QueueConfig } from '../../config/model.ts'
import type { Message } from '../../gateway/messaging/message.ts'

/** Durable, without limits, with dead letters and with an exchange of its own. */
export const directQueue = (name: string, differences: Partial<QueueConfig> = {}): QueueConfig => ({
  name,
  broker: 'default',
  type: 'direct',
  exchange: name,
  bindings: [name],
  durable: true,
  ttlMs: Infinity,
  deadLetter: true,
  maxLength: Infinity,
  maxBytes: Infinity,
  ...differences,
})

/** A small JSON message with an id of its own, published now. */
export const message = (differences: Partial<Message> = {}): Message => ({
  id: randomUUID(),
  body: Buffer.from('{"amount":42}'),
  contentType: 'application/json',
  headers: {},
  key: undefined,
  publishedAtMs: Date.now(),
  ...differences,
})
