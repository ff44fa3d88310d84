import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { jobStore } from './job-store.ts'
import { tls } from './tls.ts'

const postgresql = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'url'],
  description: 'PostgreSQL 13 or newer, for gateways on several machines. Needs the package `pg`.',
  properties: {
    type: { type: 'string', const: 'postgresql', description: 'Kind of store: `embedded`, `redis` or `postgresql`.' },
    url: { type: 'string', minLength: 1, writeOnly: true, description: '`postgresql://user@host:5432/database`. Never shown.' },
    password: { type: 'string', minLength: 1, writeOnly: true, description: 'Password. Never shown.' },
    table_prefix: { type: 'string', pattern: '^[a-z_][a-z0-9_]{0,30}$', default: 'headgate_', description: 'Begins the names of the tables.' },
    max_connections: { type: 'integer', minimum: 1, maximum: 1000, default: 10, description: 'Connections of each process at most.' },
    connect_timeout: { type: 'string', format: 'headgate-duration', default: '5s', description: 'Longest wait for a connection.' },
    query_timeout: { type: 'string', format: 'headgate-duration', default: '5s', description: 'Longest wait for an answer.' },
    tls: { ...tls, description: 'TLS towards the server; none where absent.' },
  },
} as const satisfies JSONSchema

const [, stores] = jobStore.anyOf

/** The file name alone is the short form of the embedded one. */
export const state = {
  description:
    'Where intents, flows, webhooks and alerts that were seen are kept: the name of an SQLite file on this machine, or Redis or PostgreSQL for gateways on several machines. Where absent: `messaging.store`.',
  anyOf: [
    { type: 'string', minLength: 1 },
    { description: 'A store, told apart by `type`.', anyOf: [...stores.anyOf, postgresql] },
  ],
} as const satisfies JSONSchema

export type PostgresqlStoreInput = FromSchema<typeof postgresql>
