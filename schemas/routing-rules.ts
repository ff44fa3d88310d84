import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { circuitBreaker } from './circuit-breaker.ts'

const headerEdit = {
  type: 'object',
  additionalProperties: false,
  properties: {
    set: {
      type: 'object',
      propertyNames: { format: 'headgate-header-name' },
      additionalProperties: { type: 'string', format: 'headgate-header-value' },
      description: 'Headers that replace whatever was there.',
    },
    add: {
      type: 'object',
      propertyNames: { format: 'headgate-header-name' },
      additionalProperties: { type: 'string', format: 'headgate-header-value' },
      description: 'Headers put beside those that are there.',
    },
    remove: { type: 'array', items: { type: 'string', format: 'headgate-header-name' }, description: 'Headers taken away.' },
  },
} as const satisfies JSONSchema

const backoff = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Wait before a retry: exponential with full jitter, between 0 and min(max_delay, base_delay x 2^n).',
  properties: {
    base_delay: { type: 'string', format: 'headgate-duration', default: '50ms', description: 'Upper bound of the first wait.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '2s', description: 'Upper bound of any wait.' },
  },
} as const satisfies JSONSchema

const retryBudget = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Keeps retries from multiplying the load on a sick service.',
  properties: {
    percent: {
      type: 'string',
      format: 'headgate-percent',
      default: '20%',
      description: 'Retries allowed, as a share of the calls of the last 10 s.',
    },
    min_per_second: {
      type: 'integer',
      minimum: 0,
      maximum: 100000,
      default: 3,
      description: 'Retries per second that are always allowed, so that quiet routes may retry.',
    },
  },
} as const satisfies JSONSchema

/** For rules with `queue`, `integration` and `flow`; its defaults hold also where the key is absent. */
export const idempotency = {
  type: 'object',
  additionalProperties: false,
  description: 'For `queue`, `integration` and `flow`: a request that repeats an idempotency key gets the answer of the first one, and does nothing.',
  properties: {
    header: {
      type: 'string',
      format: 'headgate-header-name',
      default: 'Idempotency-Key',
      description: 'Header that carries the key.',
    },
    required: { type: 'boolean', default: false, description: 'Whether requests without a key are refused with 400.' },
    ttl: {
      type: 'string',
      format: 'headgate-age',
      default: '24h',
      description: 'How long a key is remembered; for `integration`: as the integration says in `idempotency_ttl`, unless it is written here.',
    },
  },
} as const satisfies JSONSchema

const cors = {
  type: 'object',
  additionalProperties: false,
  description: 'Cross-origin rules (Fetch standard). Preflight requests are answered here.',
  required: ['origins'],
  properties: {
    origins: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1 },
      description: 'Allowed origins, exact (`https://app.example.com`), or `*` alone.',
    },
    methods: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', format: 'headgate-method' },
      default: ['GET', 'HEAD', 'POST'],
      description: 'Allowed methods.',
    },
    headers: {
      type: 'array',
      items: { type: 'string', format: 'headgate-header-name' },
      default: [],
      description: 'Request headers allowed beside the safelisted ones.',
    },
    expose_headers: {
      type: 'array',
      items: { type: 'string', format: 'headgate-header-name' },
      default: [],
      description: 'Response headers that scripts may read.',
    },
    credentials: { type: 'boolean', default: false, description: 'Whether cookies and authorization may be sent; not together with `*`.' },
    max_age: {
      type: 'string',
      format: 'headgate-duration-or-zero',
      default: '10m',
      description: 'How long a browser may keep the preflight answer.',
    },
  },
} as const satisfies JSONSchema

export const routingRule = {
  type: 'object',
  additionalProperties: false,
  description: 'What is matched, how it is treated, and where it goes. The most specific path wins, whatever the order in the file.',
  required: ['path'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100, description: 'Name in logs and `explain`; the path where there is none.' },
    path: {
      type: 'string',
      format: 'headgate-path-pattern',
      description: 'Exact path, with `{params}` for one segment each, or ending in `/*` for the path itself and all below it.',
    },
    methods: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', format: 'headgate-method' },
      description: 'Methods that match; all where absent. GET includes HEAD.',
    },
    hosts: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', format: 'headgate-host-pattern' },
      description: 'Hosts that match (without port); `*.example.com` for one or more labels; all where absent.',
    },
    headers: {
      type: 'object',
      minProperties: 1,
      propertyNames: { format: 'headgate-header-name' },
      additionalProperties: { type: 'string' },
      description: 'Headers that must be present with exactly this value; `*` for any value.',
    },
    query: {
      type: 'object',
      minProperties: 1,
      additionalProperties: { type: 'string' },
      description: 'Query parameters that must be present with exactly this value; `*` for any value.',
    },

    service: { type: 'string', minLength: 1, description: 'Target: a service.' },
    split: {
      type: 'array',
      minItems: 2,
      maxItems: 100,
      description: 'Target: several services by weight.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['service', 'weight'],
        properties: {
          service: { type: 'string', minLength: 1, description: 'Name of a service.' },
          weight: { type: 'integer', minimum: 0, maximum: 1000000, description: 'Share relative to the other weights.' },
        },
      },
    },
    queue: {
      type: 'string',
      minLength: 1,
      description: 'Target: a queue. Answered with 202 and the address of a status resource, once the broker has stored the message.',
    },
    events: {
      description: 'Target: events, by name; `all` for all. Takes CloudEvents of these types, and answers 202 once the broker has stored them.',
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'string', minLength: 1, description: 'Name of an event.' } },
      ],
    },
    integration: {
      type: 'string',
      minLength: 1,
      description:
        'Target: an operation of an integration; `name.operation` says both. Answered with what the provider did, or 202 where that is still open.',
    },
    operation: { type: 'string', minLength: 1, description: 'The operation of `integration`.' },
    flow: {
      type: 'string',
      minLength: 1,
      description: 'Target: a flow. Answered when it has ended, or after its `wait` with 202 and the address of its status.',
    },
    webhook: {
      type: 'string',
      minLength: 1,
      description:
        'Target: the webhooks of an integration. Checked for signature and age, published once as the events that they tell of, then answered with 200.',
    },
    request: {
      description:
        'For `integration` and `flow`: the input, with expressions in double braces over `body`, `params`, `query`, `headers` and `key`. The JSON body with the path parameters where absent.',
    },
    response: {
      type: 'object',
      additionalProperties: false,
      description: 'For `integration` and `flow`: the answer when all went well.',
      properties: {
        status: { type: 'integer', minimum: 200, maximum: 399, default: 200, description: 'Status code.' },
        headers: {
          type: 'object',
          propertyNames: { format: 'headgate-header-name' },
          additionalProperties: { type: 'string' },
          default: {},
          description: 'Headers, with expressions over `output` and `input`.',
        },
        body: { description: 'JSON body, with expressions in double braces over `output` and `input`. The output where absent.' },
      },
    },
    respond: {
      type: 'object',
      additionalProperties: false,
      description: 'Target: a fixed answer.',
      properties: {
        status: { type: 'integer', minimum: 200, maximum: 599, default: 200, description: 'Status code.' },
        headers: {
          type: 'object',
          propertyNames: { format: 'headgate-header-name' },
          additionalProperties: { type: 'string', format: 'headgate-header-value' },
          default: {},
          description: 'Headers.',
        },
        body: { type: 'string', default: '', description: 'Body text (`content-type: text/plain; charset=utf-8` unless set in `headers`).' },
        json: { description: 'Body as any YAML value, sent as JSON; instead of `body`.' },
      },
    },
    redirect: {
      type: 'object',
      additionalProperties: false,
      required: ['to'],
      description: 'Target: a redirect.',
      properties: {
        to: {
          type: 'string',
          format: 'headgate-location',
          description: 'Path or URL; `{params}` of the path and `{rest}` (what `*` matched) are filled in. The query is kept unless `to` has one.',
        },
        status: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 308, description: 'Status code.' },
      },
    },

    timeout: {
      type: 'string',
      format: 'headgate-duration-or-never',
      default: '30s',
      description: 'ONE ATTEMPT, until the response headers are here. While a request body is being streamed, the time counts from its last piece.',
    },
    idle_timeout: {
      type: 'string',
      format: 'headgate-duration-or-never',
      default: '60s',
      description: 'Longest silence in the middle of a response body or upgraded connection.',
    },
    deadline: {
      type: 'string',
      format: 'headgate-duration',
      description: 'All attempts and waits together, until the response headers are here. Absent: attempts and backoff alone bound the call.',
    },
    retries: {
      type: 'integer',
      minimum: 0,
      maximum: 10,
      default: 0,
      description:
        'Extra attempts after the first, for idempotent methods (RFC 9110) on connect error, reset before headers, timeout, 502, 503, 504, and 429 with `Retry-After`.',
    },
    backoff,
    retry_budget: retryBudget,
    idempotency_key: {
      type: 'string',
      format: 'headgate-header-name',
      description: 'Header that carries an idempotency key: POST and PATCH requests that have it may be retried.',
    },
    circuit_breaker: circuitBreaker,
    idempotency,

    strip_prefix: { type: 'string', format: 'headgate-path', description: 'Path prefix taken away before the request goes upstream.' },
    rewrite: {
      type: 'string',
      format: 'headgate-path-template',
      description: 'Path sent upstream; `{params}` of the path and `{rest}` (what `*` matched) are filled in.',
    },
    request_headers: { ...headerEdit, description: 'Changes to the headers sent upstream.' },
    response_headers: { ...headerEdit, description: 'Changes to the headers sent to the client.' },
    cors,
    max_body: {
      type: 'string',
      format: 'headgate-size-or-never',
      default: '1GiB',
      description:
        'Largest request body; more is refused with 413. Bodies for services are streamed, never held in memory; those for queues and events may be as large as `max_message_size` of the broker, those for integrations and flows 1MiB and webhooks 4MiB where nothing else is said.',
    },
    mirror: {
      type: 'object',
      additionalProperties: false,
      required: ['service'],
      description: 'Sends a copy of requests without a body, or with one of at most 64KiB, to another service and ignores its answer.',
      properties: {
        service: { type: 'string', minLength: 1, description: 'Name of a service.' },
        percent: { type: 'string', format: 'headgate-percent', default: '100%', description: 'Share of the requests.' },
      },
    },
  },
} as const satisfies JSONSchema

export const routingRules = {
  type: 'array',
  description: 'The routes of the gateway.',
  items: routingRule,
} as const satisfies JSONSchema

export type RoutingRuleInput = FromSchema<typeof routingRule>
