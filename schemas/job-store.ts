import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { addresses, connectTimeout, localFile, password, username } from './connection.ts'
import { tls } from './tls.ts'

const kind = 'Kind of store: `embedded` or `redis`.'

const embedded = {
  type: 'object',
  additionalProperties: false,
  description: 'An SQLite file beside the gateway; nothing to install. For one machine; its worker processes share the file.',
  required: ['type'],
  properties: {
    type: { type: 'string', const: 'embedded', description: kind },
    path: localFile('.headgate/store.db'),
  },
} as const satisfies JSONSchema

const redis = {
  type: 'object',
  additionalProperties: false,
  description: 'Redis 6 or newer, for gateways on several machines: one server, or a primary with replicas behind Sentinel. Not Redis Cluster.',
  required: ['type', 'urls'],
  properties: {
    type: { type: 'string', const: 'redis', description: kind },
    urls: {
      ...addresses,
      items: { type: 'string', format: 'headgate-redis-url' },
      description: 'The server, with the number of the database as its path; with `sentinel` the Sentinels, asked in turn for the primary.',
    },
    username: { ...username, description: 'User of the server (ACL); the default user where absent.' },
    password: { ...password, description: 'Password of the server; take it from the environment: `${env:NAME}`. Never shown.' },
    tls: { ...tls, description: 'TLS towards `rediss` addresses, of Sentinels and servers alike.' },
    key_prefix: {
      type: 'string',
      minLength: 1,
      maxLength: 100,
      default: 'headgate:',
      description: 'Begins all keys and channels. Gateways with the same prefix share statuses and idempotency keys.',
    },
    sentinel: {
      type: 'object',
      additionalProperties: false,
      required: ['name'],
      description: 'The primary is the one that Sentinel names.',
      properties: {
        name: { type: 'string', minLength: 1, description: 'Name under which the Sentinels watch the primary, such as `mymaster`.' },
        database: { type: 'integer', minimum: 0, maximum: 65535, default: 0, description: 'Number of the database on the primary.' },
        username: { ...username, description: 'User of the Sentinels.' },
        password: { ...password, description: 'Password of the Sentinels. Never shown.' },
      },
    },
    wait: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'How many replicas must have a key before its message is published (`WAIT`); with fewer the request gets 503 and nothing is published.',
      properties: {
        replicas: {
          type: 'integer',
          minimum: 0,
          maximum: 100,
          default: 0,
          description: 'Replicas. With 0, keys of the last moment are lost when the primary is; with 1, none are.',
        },
        timeout: {
          type: 'string',
          format: 'headgate-duration',
          default: '500ms',
          description: 'Longest wait for the replicas; less than `command_timeout`.',
        },
      },
    },
    command_timeout: {
      type: 'string',
      format: 'headgate-duration',
      default: '1s',
      description: 'Longest wait for an answer of the store; then the request gets 503 with `Retry-After`.',
    },
    connect_timeout: { ...connectTimeout, description: 'Longest wait for a connection to one address; then it is tried anew.' },
  },
} as const satisfies JSONSchema

/** The file name alone is the short form of the embedded one. */
export const jobStore = {
  description: 'Where statuses and idempotency keys are kept: the name of an SQLite file on this machine, or Redis for gateways on several machines.',
  default: { type: 'embedded' },
  anyOf: [
    { type: 'string', minLength: 1 },
    { description: 'A store, told apart by `type`.', anyOf: [embedded, redis] },
  ],
} as const satisfies JSONSchema

export type RedisStoreInput = FromSchema<typeof redis>
export type JobStoreInput = FromSchema<typeof embedded> | RedisStoreInput
