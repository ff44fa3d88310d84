import type { JSONSchema } from 'json-schema-to-ts'

export const queues = {
  type: 'object',
  description: 'Queues by name. Not active in this version.',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    properties: {
      type: { type: 'string', enum: ['topic', 'direct', 'fanout'], default: 'direct', description: 'How messages are routed to the queue.' },
      durable: { type: 'boolean', default: true, description: 'Whether messages survive a restart of the broker.' },
      ttl: {
        type: 'string',
        format: 'headgate-age',
        default: 'never',
        description: 'Age at which a message that nobody took is dropped or dead-lettered.',
      },
      dead_letter: { type: 'boolean', default: true, description: 'Whether messages that cannot be handled are kept in a dead-letter queue.' },
      purpose: { type: 'string', description: 'What the queue is for.' },
    },
  },
} as const satisfies JSONSchema

export const consumers = {
  type: 'object',
  description: 'Queue consumers by name. Not active in this version.',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['queue'],
    properties: {
      queue: { type: 'string', minLength: 1, description: 'Name of the queue.' },
      prefetch: { type: 'integer', minimum: 1, maximum: 65535, default: 10, description: 'Unacknowledged deliveries held.' },
      concurrency: { type: 'integer', minimum: 1, maximum: 65535, default: 1, description: 'Deliveries handled at the same time.' },
      timeout: { type: 'string', format: 'headgate-duration-or-never', default: '30s', description: 'One attempt.' },
      retry: {
        type: 'object',
        additionalProperties: false,
        description: 'What happens when a delivery fails.',
        properties: {
          max_attempts: {
            type: 'integer',
            minimum: 1,
            maximum: 1000,
            default: 3,
            description: 'Attempts within ONE delivery, backoff between them.',
          },
          backoff: { type: 'string', enum: ['exponential', 'linear', 'constant'], default: 'exponential', description: 'How the wait grows.' },
          dead_letter_after: {
            type: 'integer',
            minimum: 1,
            maximum: 1000,
            default: 5,
            description: 'DELIVERIES that may fail before the message is parked.',
          },
        },
      },
    },
  },
} as const satisfies JSONSchema
