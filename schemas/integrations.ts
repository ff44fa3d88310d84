import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { circuitBreaker } from './circuit-breaker.ts'
import { connectTimeout } from './connection.ts'
import { failureModes } from './failure-modes.ts'
import { tls } from './tls.ts'

const secretText = (description: string) => ({ type: 'string', minLength: 1, writeOnly: true, description }) as const

const authKind = 'Kind of authentication: `none`, `bearer`, `api_key`, `basic`, `oauth2` or `aws`.'

const none = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  description: 'Calls prove nothing.',
  properties: { type: { type: 'string', const: 'none', description: authKind } },
} as const satisfies JSONSchema

const bearer = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'token'],
  description: '`Authorization: Bearer` with a fixed token.',
  properties: {
    type: { type: 'string', const: 'bearer', description: authKind },
    token: secretText('The token or secret key: `${secret:api_keys#stripe}`. Never shown.'),
  },
} as const satisfies JSONSchema

const apiKey = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'key'],
  description: 'A key in a header.',
  properties: {
    type: { type: 'string', const: 'api_key', description: authKind },
    header: { type: 'string', format: 'headgate-header-name', default: 'X-Api-Key', description: 'Header that carries the key.' },
    key: secretText('The key. Never shown.'),
  },
} as const satisfies JSONSchema

const basic = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'username', 'password'],
  description: '`Authorization: Basic`, or the login of an SMTP server.',
  properties: {
    type: { type: 'string', const: 'basic', description: authKind },
    username: { type: 'string', minLength: 1, description: 'User.' },
    password: secretText('Password. Never shown.'),
  },
} as const satisfies JSONSchema

const oauth2 = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'client_id', 'client_secret'],
  description: 'OAuth 2.0 client credentials (RFC 6749, 4.4): a token is fetched and kept until shortly before it expires.',
  properties: {
    type: { type: 'string', const: 'oauth2', description: authKind },
    token_url: { type: 'string', format: 'headgate-url', description: 'Token endpoint; that of the provider where the adapter knows it.' },
    client_id: { type: 'string', minLength: 1, description: 'Client id.' },
    client_secret: secretText('Client secret. Never shown.'),
    scope: { type: 'string', minLength: 1, description: 'Scopes, separated by spaces.' },
  },
} as const satisfies JSONSchema

const aws = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'access_key_id', 'secret_access_key', 'region'],
  description: 'AWS Signature Version 4.',
  properties: {
    type: { type: 'string', const: 'aws', description: authKind },
    access_key_id: { type: 'string', minLength: 1, description: 'Id of the access key.' },
    secret_access_key: secretText('The secret access key. Never shown.'),
    session_token: secretText('Session token of temporary credentials. Never shown.'),
    region: { type: 'string', minLength: 1, description: 'Region, such as `eu-central-1`.' },
  },
} as const satisfies JSONSchema

const retry = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Attempts of one call, for failures that may go away and operations that may be repeated. A consumer goes by its own `retry` instead.',
  properties: {
    max_attempts: { type: 'integer', minimum: 1, maximum: 100, default: 3, description: 'Attempts at most, the first one included.' },
    backoff: {
      type: 'string',
      enum: ['exponential', 'linear', 'constant'],
      default: 'exponential',
      description: 'How the waits grow; each is spread by full jitter.',
    },
    base_delay: { type: 'string', format: 'headgate-duration', default: '200ms', description: 'Upper bound of the first wait.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '10s', description: 'Upper bound of any wait.' },
  },
} as const satisfies JSONSchema

const rateLimit = {
  type: 'string',
  format: 'headgate-rate',
} as const

const reconcile = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description:
    'What happens in the background to intents whose outcome is unknown: repeated with their key, asked after at the provider, then parked for review.',
  properties: {
    base_delay: { type: 'string', format: 'headgate-duration', default: '1s', description: 'Upper bound of the first wait.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '5m', description: 'Upper bound of any wait.' },
    give_up_after: {
      type: 'string',
      format: 'headgate-duration',
      default: '23h',
      description: 'Age at which an intent is parked for review; never later than the provider forgets its key.',
    },
  },
} as const satisfies JSONSchema

const batch = {
  type: 'object',
  additionalProperties: false,
  description: 'Collects calls and sends them as one; for operations that the provider takes in bulk.',
  properties: {
    size: { type: 'integer', minimum: 2, maximum: 10000, default: 100, description: 'Calls at most in one.' },
    max_wait: { type: 'string', format: 'headgate-duration', default: '1s', description: 'How long the first one waits for others.' },
  },
} as const satisfies JSONSchema

/** Read and checked by the adapter's own schema. */
const settings = { type: 'object', default: {}, additionalProperties: true } as const

const operation = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'How one operation of the adapter is called; those that are not named here can be called as well.',
  properties: {
    idempotency: {
      type: 'string',
      enum: ['required', 'optional', 'built-in', 'none'],
      description:
        'Whether callers must name their intent: `required` refuses calls without an idempotency key, `optional` takes one, `built-in`: repeating has no further effect.',
    },
    compensation: {
      type: 'string',
      minLength: 1,
      description: 'Operation of this integration that undoes it, or `manual_review`: used by flows that fail.',
    },
    timeout: { type: 'string', format: 'headgate-duration', description: 'ONE ATTEMPT; as the integration says where absent.' },
    rate_limit: { ...rateLimit, description: 'Calls to the provider, such as `100/s`; beside that of the integration.' },
    priority: {
      type: 'string',
      enum: ['P0', 'P1', 'P2'],
      default: 'P1',
      description: 'Who goes first when calls wait for a rate limit: all P0 before P1 before P2.',
    },
    batch,
    failure_modes: { ...failureModes, description: 'Ways to fail of this operation; looked at before those of the integration.' },
    settings: { ...settings, description: 'What only this adapter knows of the operation; `headgate plugins show` describes it.' },
  },
} as const satisfies JSONSchema

export const integration = {
  type: 'object',
  additionalProperties: false,
  required: ['plugin'],
  description: 'A provider behind an adapter: how it is reached, called, and what is done when it fails.',
  properties: {
    plugin: { type: 'string', minLength: 1, description: 'Type of the adapter, such as `stripe`; `headgate plugins list` shows all.' },
    criticality: {
      type: 'string',
      enum: ['low', 'medium', 'high', 'critical'],
      default: 'medium',
      description: 'How much depends on it; stands in logs and alerts.',
    },
    base_url: {
      type: 'string',
      format: 'headgate-url',
      description: 'Where the provider is, with the path that comes before those of its operations; that of the adapter where absent.',
    },
    auth: { description: 'How calls prove who they are, told apart by `type`.', anyOf: [none, bearer, apiKey, basic, oauth2, aws] },
    tls: { ...tls, description: 'TLS towards the provider.' },
    connect_timeout: { ...connectTimeout, description: 'Longest wait for a connection.' },
    timeout: { type: 'string', format: 'headgate-duration', default: '30s', description: 'ONE ATTEMPT, until the whole answer is here.' },
    rate_limit: { ...rateLimit, description: 'Calls to the provider, such as `100/min`; shared by all gateways where `state` is Redis.' },
    max_concurrent: {
      type: 'integer',
      minimum: 1,
      maximum: 100000,
      default: 100,
      description: 'Attempts under way at the same time, in each process, those included that outlived their time limit.',
    },
    retry,
    circuit_breaker: circuitBreaker,
    idempotency_ttl: {
      type: 'string',
      format: 'headgate-age',
      default: '24h',
      description: 'How long an idempotency key and its answer are remembered after the intent has ended.',
    },
    reconcile,
    queue: {
      type: 'string',
      minLength: 1,
      description: 'Queue for failure modes that need one; that of the consumer which delivers to this integration where absent.',
    },
    settings: { ...settings, description: 'What only this adapter knows; `headgate plugins show` describes it.' },
    operations: { type: 'object', default: {}, additionalProperties: operation, description: 'Operations by name.' },
    failure_modes: failureModes,
  },
} as const satisfies JSONSchema

export const integrations = {
  type: 'object',
  description: 'Providers by name: payments, email, authentication, any API.',
  propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' },
  additionalProperties: integration,
} as const satisfies JSONSchema

export const plugins = {
  type: 'array',
  uniqueItems: true,
  items: { type: 'string', minLength: 1, description: 'Name of an npm package, or a path that begins with `./`, `../` or `/`.' },
  description: 'Adapters beside the built-in ones; paths are relative to the file that names them. Their code runs inside the gateway.',
} as const satisfies JSONSchema

export type IntegrationInput = FromSchema<typeof integration>
export type OperationInput = FromSchema<typeof operation>
