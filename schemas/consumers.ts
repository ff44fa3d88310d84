import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { circuitBreaker } from './circuit-breaker.ts'

const redelivery = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Wait between deliveries; the message waits at the broker. Grows as `backoff` says.',
  properties: {
    base_delay: { type: 'string', format: 'headgate-duration', default: '1s', description: 'Upper bound of the first wait.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '5m', description: 'Upper bound of any wait.' },
  },
} as const satisfies JSONSchema

const retry = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What happens when an attempt or a delivery fails. With 3 attempts and 5 deliveries a message is tried 15 times at most.',
  properties: {
    max_attempts: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 3,
      description: 'Attempts within ONE delivery, backoff between them.',
    },
    backoff: {
      type: 'string',
      enum: ['exponential', 'linear', 'constant'],
      default: 'exponential',
      description: 'How the waits grow, between attempts and between deliveries; each is spread by full jitter.',
    },
    base_delay: { type: 'string', format: 'headgate-duration', default: '200ms', description: 'Upper bound of the first wait between attempts.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '10s', description: 'Upper bound of any wait between attempts.' },
    dead_letter_after: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 5,
      description: 'DELIVERIES that may fail before the message is parked.',
    },
    redelivery,
  },
} as const satisfies JSONSchema

const orderBy = {
  type: 'object',
  additionalProperties: false,
  description: 'Messages with the same key are handled one at a time, in their order; others beside them. One of the two keys.',
  properties: {
    header: { type: 'string', format: 'headgate-header-name', description: 'Header of the message that holds the key.' },
    body: {
      type: 'string',
      format: 'headgate-json-pointer',
      description: 'Place of the key in a JSON body, as a JSON Pointer: `/customer/id`.',
    },
  },
} as const satisfies JSONSchema

/** How messages are taken and handed on; the same for consumers and for subscribers of events. */
export const delivery = {
  prefetch: {
    type: 'integer',
    minimum: 1,
    maximum: 65535,
    default: 10,
    description: 'Unacknowledged deliveries held, by all workers of a gateway together.',
  },
  concurrency: {
    type: 'integer',
    minimum: 1,
    maximum: 65535,
    default: 1,
    description: 'Deliveries handled at the same time, by all workers of a gateway together.',
  },
  timeout: { type: 'string', format: 'headgate-duration-or-never', default: '30s', description: 'One attempt.' },
  retry,
  circuit_breaker: {
    ...circuitBreaker,
    description: 'Stops deliveries to a failing target: the messages wait, and no delivery is counted as failed.',
  },
  order_by: orderBy,
  paused: { type: 'boolean', default: false, description: 'Starts without taking messages; the admin listener resumes it.' },
} as const

/** Where a service gets the message. */
export const handler = {
  service: {
    type: 'string',
    minLength: 1,
    description: 'Target: a service. 2xx settles the message; 408, 425, 429, 5xx and no answer are retried; everything else parks it.',
  },
  path: { type: 'string', format: 'headgate-request-path', description: 'Path at the service.' },
  method: { type: 'string', format: 'headgate-method', default: 'POST', description: 'Method of the request.' },
} as const

export const deliverTo = {
  type: 'object',
  additionalProperties: false,
  description: 'Where the messages go. Where absent, nothing takes them and they wait.',
  properties: {
    ...handler,
    queue: { type: 'string', minLength: 1, description: 'Target: another queue.' },
    events: {
      description: 'Target: events, by name; `all` for all. The message is published as the event that its `ce-type` header says.',
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'string', minLength: 1, description: 'Name of an event.' } },
      ],
    },
    integration: { type: 'string', minLength: 1, description: 'Target: an operation of an integration; `name.operation` says both.' },
    operation: { type: 'string', minLength: 1, description: 'The operation of `integration`.' },
    flow: { type: 'string', minLength: 1, description: 'Target: a flow. The message is settled when the flow is stored.' },
    request: {
      description:
        'For `integration` and `flow`: the input, with expressions in double braces over `body`, `headers`, `id` and `key`. The JSON body where absent.',
    },
  },
} as const satisfies JSONSchema

export const consumer = {
  type: 'object',
  additionalProperties: false,
  required: ['queue'],
  description: 'Takes messages from a queue and hands them to a target, at least once.',
  properties: {
    queue: { type: 'string', minLength: 1, description: 'Name of the queue.' },
    deliver_to: deliverTo,
    ...delivery,
  },
} as const satisfies JSONSchema

export const consumers = {
  type: 'object',
  description: 'Queue consumers by name.',
  additionalProperties: consumer,
} as const satisfies JSONSchema

export type ConsumerInput = FromSchema<typeof consumer>
