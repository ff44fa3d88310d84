import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

const kind = 'Kind of channel: `log`, `webhook`, `email` or `queue`.'

const deduplicate = {
  type: 'string',
  format: 'headgate-duration',
  default: '10m',
  description: 'Alerts about the same thing within this time are counted and sent as one.',
} as const satisfies JSONSchema

const log = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  description: 'An error line in the log.',
  properties: { type: { type: 'string', const: 'log', description: kind }, deduplicate },
} as const satisfies JSONSchema

const webhook = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'url'],
  description: 'A JSON document, posted to a URL.',
  properties: {
    type: { type: 'string', const: 'webhook', description: kind },
    url: { type: 'string', minLength: 1, writeOnly: true, description: 'The URL; may be a secret. Never shown.' },
    headers: {
      type: 'object',
      propertyNames: { format: 'headgate-header-name' },
      additionalProperties: { type: 'string', writeOnly: true, description: 'Value; may be a secret. Never shown.' },
      default: {},
      description: 'Headers.',
    },
    timeout: { type: 'string', format: 'headgate-duration', default: '10s', description: 'One attempt; there are three.' },
    deduplicate,
  },
} as const satisfies JSONSchema

const email = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'integration', 'from', 'to'],
  description: 'An email through an integration that has the operation `send`.',
  properties: {
    type: { type: 'string', const: 'email', description: kind },
    integration: { type: 'string', minLength: 1, description: 'Name of the integration.' },
    from: { type: 'string', minLength: 3, description: 'Sender.' },
    to: { type: 'array', minItems: 1, items: { type: 'string', minLength: 3, description: 'Address.' }, description: 'Recipients.' },
    deduplicate,
  },
} as const satisfies JSONSchema

const queue = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'queue'],
  description: 'A message with the alert as JSON.',
  properties: {
    type: { type: 'string', const: 'queue', description: kind },
    queue: { type: 'string', minLength: 1, description: 'Name of the queue.' },
    deduplicate,
  },
} as const satisfies JSONSchema

export const alerts = {
  type: 'object',
  description: 'Channels for alerts by name; `default` is used where none is named.',
  propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' },
  additionalProperties: { description: 'A channel, told apart by `type`.', anyOf: [log, webhook, email, queue] },
} as const satisfies JSONSchema

export type AlertInput = FromSchema<typeof log> | FromSchema<typeof webhook> | FromSchema<typeof email> | FromSchema<typeof queue>
