import type { FailureKind, Json, JsonSchema } from '../../../gateway/plugin.ts'
import { failureKinds } from '../../../gateway/plugin.ts'

const text = (description: string): JsonSchema => ({ type: 'string', minLength: 1, maxLength: 4096, description })

const texts = (description: string, of: string): JsonSchema => ({
  type: 'object',
  description,
  additionalProperties: { type: 'string', maxLength: 4096, description: of },
})

const headers = (description: string): JsonSchema => ({
  ...texts(description, 'Template of the value.'),
  propertyNames: { type: 'string', pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$" },
})

const query = texts('Query parameters; templates over `input` and `key`. One that is absent is left out.', 'Template of the value.')

const path = text('Path under `base_url`, such as `/orders/{{ input.id }}`; what stands in braces is percent-encoded and cannot leave its segment.')

const json = (description: string): JsonSchema => ({ description })

const status: JsonSchema = {
  description: 'HTTP status: a number, `4xx` or `5xx`, or a list of them.',
  anyOf: [
    { type: 'integer', minimum: 100, maximum: 599 },
    { type: 'string', enum: ['4xx', '5xx'] },
    {
      type: 'array',
      minItems: 1,
      items: {
        anyOf: [
          { type: 'integer', minimum: 100, maximum: 599 },
          { type: 'string', enum: ['4xx', '5xx'] },
        ],
      },
    },
  ],
}

const object = (description: string, required: readonly string[], properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required,
  description,
  properties,
})

/** Of each operation. */
export const operationSettings: JsonSchema = object('One call of the API.', ['method', 'path'], {
  summary: { type: 'string', minLength: 1, maxLength: 200, description: 'One sentence for listings.' },
  method: { type: 'string', enum: ['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'PATCH'], description: 'Method of the request.' },
  path,
  query,
  headers: headers('Headers of the request, beside those of the integration; templates over `input` and `key`.'),
  body: json('JSON body; a template over `input` and `key`. With another `content_type`, a template of the text.'),
  content_type: { type: 'string', pattern: '^[a-z]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9=_"-]+)*$', description: 'Of a body that is not JSON.' },
  form: {
    type: 'object',
    description:
      'Body as `application/x-www-form-urlencoded`; templates over `input` and `key`. Lists repeat their name, absent fields are left out.',
  },
  output: json('What callers get; a template over `body`, `status`, `headers`, `input` and `key`. The JSON body where absent.'),
  input_schema: { type: 'object', description: 'JSON Schema (draft-07) of the input.' },
  output_schema: { type: 'object', description: 'JSON Schema (draft-07) of the output; what does not fit is an `invalid_response`.' },
  idempotency: {
    type: 'string',
    enum: ['key', 'inherent', 'none'],
    description:
      '`key`: the API takes an idempotency key; `inherent`: repeating has no further effect; `none`: never repeated once it may have been sent. ' +
      'By default `inherent` for GET, HEAD, PUT and DELETE, `key` with `idempotency_header`, `none` otherwise.',
  },
  idempotency_header: {
    type: 'string',
    pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$",
    description: 'Header that carries the idempotency key, such as `Idempotency-Key`.',
  },
  key_ttl: {
    type: 'string',
    format: 'headgate-age',
    default: '24h',
    description: 'How long the API remembers a key; nothing is repeated afterwards.',
  },
  duplicates: {
    type: 'string',
    enum: ['harmful', 'tolerable'],
    description: 'Whether doing it twice does harm. `harmful` by default, except for GET and HEAD.',
  },
  success: {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'integer', minimum: 200, maximum: 599, description: 'HTTP status.' },
    description: 'Statuses of a success; all 2xx where absent.',
  },
  error_code: text("Template of the API's own word for an error, over `body`, `status` and `headers`, such as `{{ body.?error.?code }}`."),
  errors: {
    type: 'array',
    maxItems: 100,
    description: 'What errors mean; the first that fits counts, otherwise the status does.',
    items: object('One kind of error.', ['when', 'kind'], {
      when: {
        ...object('All that is said has to be so.', [], { status, code: text('Result of `error_code`. Also looked at in successes.') }),
        minProperties: 1,
      },
      kind: { type: 'string', enum: Object.keys(failureKinds), description: 'Kind of failure.' },
      executed: {
        type: 'string',
        enum: ['no', 'yes', 'unknown'],
        description: 'Whether the effect has happened. By the status where absent: `no` for 503 and most 4xx, otherwise `unknown`.',
      },
    }),
  },
  lookup: object('How to ask what became of an earlier attempt.', ['path'], {
    method: { type: 'string', enum: ['GET', 'POST'], default: 'GET', description: 'Method of the question, which must have no effect.' },
    path,
    query,
    headers: headers('Headers of the question; templates over `input` and `key`.'),
    body: json('JSON body of the question; a template over `input` and `key`.'),
    found: text('CEL condition over `body`, `status`, `headers`, `input` and `key`: it was done. Any success where absent; 404 is `absent`.'),
    output: json('What callers get; as `output` of the operation where absent.'),
    absent_after: {
      type: 'string',
      format: 'headgate-duration-or-zero',
      default: '1m',
      description: 'Age of the intent from which an answer that knows nothing of it is believed: the request could still be on its way.',
    },
  }),
  undo: {
    type: 'object',
    description: 'Operations that undo it, by name, each with a template of their input over `input` and `output`.',
  },
})

/** Of the integration. */
export const integrationSettings: JsonSchema = object('The API as a whole.', [], {
  headers: { ...headers('Headers of all requests.'), default: {} },
  probe: object('A cheap request without effect that shows whether the API can be used.', ['path'], {
    method: { type: 'string', enum: ['GET', 'HEAD'], default: 'GET', description: 'Method of the request.' },
    path: { type: 'string', format: 'headgate-request-path', description: 'Path under `base_url`.' },
  }),
  webhook: object('How the webhooks of the API are signed, and what they tell.', ['header', 'secret', 'events'], {
    secret: { type: 'string', minLength: 1, writeOnly: true, description: 'Secret of the signature. Never shown.' },
    previous_secret: {
      type: 'string',
      minLength: 1,
      writeOnly: true,
      description: 'The one before, taken as well while it is being changed. Never shown.',
    },
    secret_encoding: { type: 'string', enum: ['text', 'base64', 'hex'], default: 'text', description: 'How the bytes of the secret are written.' },
    header: { type: 'string', format: 'headgate-header-name', description: 'Header with the signature; several are separated by spaces or commas.' },
    algorithm: { type: 'string', enum: ['hmac-sha256', 'hmac-sha512'], default: 'hmac-sha256', description: 'How it is signed.' },
    encoding: { type: 'string', enum: ['hex', 'base64'], default: 'hex', description: 'How the signature is written.' },
    prefix: { type: 'string', minLength: 1, maxLength: 20, description: 'In front of each signature, such as `sha256=` or `v1,`.' },
    timestamp_header: {
      type: 'string',
      format: 'headgate-header-name',
      description: 'Header with the time of sending: seconds, milliseconds or RFC 3339.',
    },
    signed: {
      type: 'string',
      maxLength: 500,
      description:
        'What is signed: `{body}` as it came, `{timestamp}`, `{header:NAME}`. `{timestamp}.{body}` with `timestamp_header`, otherwise `{body}`.',
    },
    tolerance: { type: 'string', format: 'headgate-duration', default: '5m', description: 'How far the time of sending may be from now.' },
    id: { ...text('Template of the id of an event, over `body` and `headers`: one that comes twice is published once.'), default: '{{ body.id }}' },
    type: { ...text('Template of its type.'), default: '{{ body.type }}' },
    data: { ...json('Template of what is published.'), default: '{{ body }}' },
    at: text('Template of the time at which it happened: seconds, milliseconds or RFC 3339. The time of sending where absent.'),
    subject: text('Template of what it is about.'),
    events: {
      type: 'object',
      minProperties: 1,
      description: 'Events to publish, by the type that the API gives them; others are left out.',
      additionalProperties: { type: 'string', format: 'headgate-event-name', description: 'Name of the event.' },
    },
  }),
})

export type Templates = Readonly<Record<string, Json>>
type Status = number | '4xx' | '5xx'

export interface RequestSettings {
  readonly method: string
  readonly path: string
  readonly query?: Templates
  readonly headers?: Templates
  readonly body?: Json
  readonly content_type?: string
  readonly form?: Templates
}

export interface ErrorRule {
  readonly when: { readonly status?: Status | readonly Status[]; readonly code?: string }
  readonly kind: FailureKind
  readonly executed?: 'no' | 'yes' | 'unknown'
}

/** As `operationSettings` has them. */
export interface OperationSettings extends RequestSettings {
  readonly summary?: string
  readonly output?: Json
  readonly input_schema?: JsonSchema
  readonly output_schema?: JsonSchema
  readonly idempotency?: 'key' | 'inherent' | 'none'
  readonly idempotency_header?: string
  readonly key_ttl: string
  readonly duplicates?: 'harmful' | 'tolerable'
  readonly success?: readonly number[]
  readonly error_code?: string
  readonly errors?: readonly ErrorRule[]
  readonly lookup?: RequestSettings & { readonly found?: string; readonly output?: Json; readonly absent_after: string }
  readonly undo?: Templates
}

export interface WebhookSettings {
  readonly secret_encoding: 'text' | 'base64' | 'hex'
  readonly header: string
  readonly algorithm: 'hmac-sha256' | 'hmac-sha512'
  readonly encoding: 'hex' | 'base64'
  readonly prefix?: string
  readonly timestamp_header?: string
  readonly signed?: string
  readonly tolerance: string
  readonly id: string
  readonly type: string
  readonly data: Json
  readonly at?: string
  readonly subject?: string
  readonly events: Readonly<Record<string, string>>
}

export interface IntegrationSettings {
  readonly headers: Readonly<Record<string, string>>
  readonly probe?: { readonly method: string; readonly path: string }
  readonly webhook?: WebhookSettings
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Of a text that fits the format `headgate-duration` or `headgate-age`. */
export const durationMs = (duration: string): number => {
  if (duration === 'never' || duration === '∞') return Number.POSITIVE_INFINITY
  let total = 0
  for (const [, amount, unit] of duration.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) total += Number(amount) * unitMs[unit as keyof typeof unitMs]
  return total
}
