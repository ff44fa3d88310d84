import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { addresses, connectTimeout, localFile, password, username } from './connection.ts'
import { tls } from './tls.ts'

/** What brokers of every kind have. */
const common = {
  max_message_size: {
    type: 'string',
    format: 'headgate-size',
    default: '16MiB',
    description: 'Largest message that is published. Messages are held in memory while they are handled.',
  },
  publish_timeout: {
    type: 'string',
    format: 'headgate-duration',
    default: '10s',
    description: 'Longest wait for the confirmation of the broker; after it the message counts as not stored.',
  },
  max_unconfirmed: {
    type: 'integer',
    minimum: 1,
    maximum: 100000,
    default: 1000,
    description: 'Publishes of one worker that may wait for their confirmation; more are refused with 503 and `Retry-After`.',
  },
} as const

const kind = 'Kind of broker: `embedded`, `rabbitmq` or `kafka`.'
const connectTimeoutToNode = { ...connectTimeout, description: 'Longest wait for a connection to one address; then the next one is tried.' } as const

const embedded = {
  type: 'object',
  additionalProperties: false,
  description: 'A durable SQLite file beside the gateway; nothing to install. For one machine; its worker processes share the file.',
  required: ['type'],
  properties: {
    type: { type: 'string', const: 'embedded', description: kind },
    path: localFile('.headgate/messages.db'),
    ...common,
  },
} as const satisfies JSONSchema

const rabbitmq = {
  type: 'object',
  additionalProperties: false,
  description: 'RabbitMQ 3.10 or newer, one node or a cluster.',
  required: ['type', 'urls'],
  properties: {
    type: { type: 'string', const: 'rabbitmq', description: kind },
    urls: {
      ...addresses,
      items: { type: 'string', format: 'headgate-amqp-url' },
      description: 'Nodes of one cluster, tried in turn; the path is the virtual host.',
    },
    username,
    password,
    tls: { ...tls, description: 'TLS towards `amqps` addresses.' },
    heartbeat: {
      type: 'string',
      format: 'headgate-duration',
      default: '10s',
      description: 'Silence after which the peer is asked for a sign of life, in whole seconds; after twice as long the connection is dead.',
    },
    connect_timeout: connectTimeoutToNode,
    queue_type: {
      type: 'string',
      enum: ['quorum', 'classic'],
      default: 'quorum',
      description: 'Of durable queues: replicated on several nodes, or held by one. Queues that are not durable are always classic.',
    },
    ...common,
  },
} as const satisfies JSONSchema

const kafka = {
  type: 'object',
  additionalProperties: false,
  description: 'Apache Kafka or what speaks its protocol.',
  required: ['type', 'urls'],
  properties: {
    type: { type: 'string', const: 'kafka', description: kind },
    urls: {
      ...addresses,
      items: { type: 'string', format: 'headgate-kafka-url' },
      description: 'Servers of one cluster, `HOST:PORT` or `kafka://HOST:PORT`, asked in turn for the others.',
    },
    tls: { ...tls, description: 'TLS towards the servers; `{}` is enough to switch it on.' },
    sasl: {
      type: 'object',
      additionalProperties: false,
      required: ['mechanism', 'username', 'password'],
      description: 'How the gateway proves who it is.',
      properties: {
        mechanism: { type: 'string', enum: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], description: 'SASL mechanism.' },
        username,
        password,
      },
    },
    partitions: { type: 'integer', minimum: 1, maximum: 10000, default: 3, description: 'Partitions of topics that are made here.' },
    replicas: { type: 'integer', minimum: 1, maximum: 100, default: 1, description: 'Copies of each partition of topics that are made here.' },
    connect_timeout: connectTimeoutToNode,
    ...common,
  },
} as const satisfies JSONSchema

/** Told apart by `type`. */
export const broker = {
  description: 'A broker: a file beside the gateway, RabbitMQ or Kafka.',
  anyOf: [embedded, rabbitmq, kafka],
} as const satisfies JSONSchema

export const brokers = {
  type: 'object',
  minProperties: 1,
  description: 'Brokers by name. Where none is named, there is one: `default`, embedded. The same queues, consumers and events run on each kind.',
  default: { default: { type: 'embedded' } },
  additionalProperties: broker,
} as const satisfies JSONSchema

export type EmbeddedBrokerInput = FromSchema<typeof embedded>
export type RabbitmqBrokerInput = FromSchema<typeof rabbitmq>
export type KafkaBrokerInput = FromSchema<typeof kafka>
export type BrokerInput = EmbeddedBrokerInput | RabbitmqBrokerInput | KafkaBrokerInput
