import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { delivery, handler } from './consumers.ts'

const subscriber = {
  type: 'object',
  additionalProperties: false,
  description: 'Gets every such event: a service, through a queue and consumer of its own named `EVENT.SUBSCRIBER`; or a queue of `queues`.',
  properties: {
    ...handler,
    queue: { type: 'string', minLength: 1, description: 'Target: a queue of `queues`; it is bound to the event, and its own consumers take it.' },
    ...delivery,
  },
} as const satisfies JSONSchema

export const event = {
  type: 'object',
  additionalProperties: false,
  description: 'A kind of event: who may publish it, what it holds, who gets it. Events are CloudEvents 1.0.',
  properties: {
    publishers: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 1000 },
      default: [],
      description: 'Allowed values of the CloudEvents attribute `source`; any where empty.',
    },
    schema: {
      type: 'object',
      description: 'JSON Schema of the data: draft 2020-12, or draft-07 where `$schema` says so. What does not fit is refused at the door.',
    },
    schema_file: {
      type: 'string',
      minLength: 1,
      description: 'JSON file with the schema, instead of `schema`; relative to the file that names it.',
    },
    subscribers: {
      type: 'object',
      propertyNames: { format: 'headgate-subscriber-name' },
      additionalProperties: subscriber,
      default: {},
      description: 'Who gets the event, by name.',
    },
    broker: { type: 'string', minLength: 1, description: 'Name of a broker; `default`, or the only one, where absent.' },
    exchange: {
      type: 'string',
      format: 'headgate-queue-name',
      default: 'events',
      description: 'Topic exchange that it is published to, with its name as the routing key.',
    },
  },
} as const satisfies JSONSchema

export const events = {
  type: 'object',
  description: 'Events by name, the CloudEvents attribute `type`.',
  propertyNames: { format: 'headgate-event-name' },
  additionalProperties: event,
} as const satisfies JSONSchema

export type EventInput = FromSchema<typeof event>
export type SubscriberInput = FromSchema<typeof subscriber>
