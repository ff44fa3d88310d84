import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { jobStore } from './job-store.ts'

export const queue = {
  type: 'object',
  additionalProperties: false,
  description: 'A queue, and the exchange that it is bound to.',
  properties: {
    type: {
      type: 'string',
      enum: ['topic', 'direct', 'fanout'],
      default: 'direct',
      description: 'Type of the exchange: how it picks the queues for a message.',
    },
    durable: { type: 'boolean', default: true, description: 'Whether messages survive a restart of the broker.' },
    ttl: {
      type: 'string',
      format: 'headgate-age',
      default: 'never',
      description: 'Age at which a message that nobody took is dead-lettered, or dropped where no dead letters are kept.',
    },
    dead_letter: {
      type: 'boolean',
      default: true,
      description: 'Whether messages that cannot be handled are kept, to be looked at and replayed; otherwise they are discarded with a log line.',
    },
    purpose: { type: 'string', description: 'What the queue is for.' },
    broker: { type: 'string', minLength: 1, description: 'Name of a broker; `default`, or the only one, where absent.' },
    exchange: {
      type: 'string',
      format: 'headgate-queue-name',
      description: 'Exchange that the queue is bound to; one of its own, named like the queue, where absent. Queues that name the same one share it.',
    },
    bindings: {
      type: 'array',
      uniqueItems: true,
      maxItems: 1000,
      items: { type: 'string', minLength: 1, maxLength: 200 },
      description:
        'Routing keys that the queue gets, beside its own name. In a `topic` exchange `*` stands for one word and `#` for any number: `payment.*`. None with `fanout`.',
    },
    max_length: {
      type: 'integer',
      minimum: 1,
      maximum: 1000000000000,
      description: 'Messages that may wait; more are refused with 503 and `Retry-After`. No limit where absent.',
    },
    max_size: {
      type: 'string',
      format: 'headgate-size-or-never',
      default: '1GiB',
      description: 'Bytes that may wait; more are refused with 503 and `Retry-After`.',
    },
  },
} as const satisfies JSONSchema

export const queues = {
  type: 'object',
  description: 'Queues by name.',
  propertyNames: { format: 'headgate-queue-name' },
  additionalProperties: queue,
} as const satisfies JSONSchema

export const messaging = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What rules with `queue` need: the status of messages that were taken over HTTP, and their idempotency keys.',
  properties: {
    status_path: {
      type: 'string',
      format: 'headgate-path',
      default: '/-/messages',
      description: 'Path under which clients ask how their message goes: `GET /-/messages/{id}`.',
    },
    status_ttl: {
      type: 'string',
      format: 'headgate-age',
      default: '24h',
      description: 'How long the status of a message can be asked for after it ended.',
    },
    store: jobStore,
  },
} as const satisfies JSONSchema

export type QueueInput = FromSchema<typeof queue>
