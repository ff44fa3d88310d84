import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

/**
 * What a declared failure does: closed, `docs/failure-modes.md` has a section for each.
 *
 * | action | the intent | the caller is told (default status) |
 * | --- | --- | --- |
 * | queue | goes to `queue`, whose consumer goes on with it | 202 and the address of its status |
 * | back_off_and_queue | as `queue`, not before `Retry-After` or `delay` | 202 with `Retry-After` |
 * | idempotent_retry | is repeated with its key in place, then in the background, with questions to the provider | the answer, or 202 while it is unknown |
 * | log_and_alert | has failed; an alert goes out | 502 |
 * | fallback | is done by another integration, where nothing can have happened yet | the answer of that one |
 * | skip | is dropped, with a log line | 200 with `status: skipped` |
 * | notify | has failed; somebody is told | 422 |
 * | use_default_template | is tried once more with the default template | the answer of that |
 * | use_local_session | is answered from what the provider said earlier | that answer, marked as local |
 * | manual_review | waits for a person; an alert goes out | 202 |
 */
export const failureActions = [
  'queue',
  'back_off_and_queue',
  'idempotent_retry',
  'log_and_alert',
  'fallback',
  'skip',
  'notify',
  'use_default_template',
  'use_local_session',
  'manual_review',
] as const

export type FailureAction = (typeof failureActions)[number]

const status = {
  anyOf: [
    { type: 'integer', minimum: 400, maximum: 599 },
    { type: 'string', enum: ['4xx', '5xx'] },
    { type: 'array', minItems: 1, uniqueItems: true, items: { type: 'integer', minimum: 400, maximum: 599, description: 'HTTP status.' } },
  ],
  description: 'HTTP status that the provider answered: one, several, or `5xx`.',
} as const satisfies JSONSchema

const kind = {
  type: 'string',
  minLength: 1,
  description: 'Kind of failure: `timeout`, `network_error`, `rate_limited`, `invalid_response` and so on; `headgate plugins show` lists them.',
} as const satisfies JSONSchema

const condition = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  description: 'All that is said here has to be so.',
  properties: {
    kind,
    status,
    code: { type: 'string', minLength: 1, description: "The provider's own word for it, such as `card_declined`." },
  },
} as const satisfies JSONSchema

/** A text, or one for each language. */
const tell = {
  description:
    'What the caller is told, as a text or by language: `{ en: "...", de: "..." }`; `Accept-Language` chooses, the first one is the default.',
  anyOf: [
    { type: 'string', minLength: 1, maxLength: 500 },
    {
      type: 'object',
      minProperties: 1,
      propertyNames: { pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$' },
      additionalProperties: { type: 'string', minLength: 1, maxLength: 500, description: 'The text in this language.' },
    },
  ],
} as const satisfies JSONSchema

export const failureMode = {
  type: 'object',
  additionalProperties: false,
  required: ['when', 'then'],
  description: 'One way to fail, and what is done about it. Of the modes of an operation and those of its integration, the first that fits counts.',
  properties: {
    when: {
      description: 'Which failures: a kind such as `timeout`, conditions such as `{ status: 503 }`, or a list of which one has to fit.',
      anyOf: [kind, condition, { type: 'array', minItems: 1, items: { description: 'A kind or conditions.', anyOf: [kind, condition] } }],
    },
    then: { type: 'string', enum: failureActions, description: 'What is done.' },
    tell,
    status: { type: 'integer', minimum: 200, maximum: 599, description: 'Status of the answer to the caller; each action has a default.' },
    queue: {
      type: 'string',
      minLength: 1,
      description: 'For `queue` and `back_off_and_queue`: the queue; the one whose consumer delivers to this integration where absent.',
    },
    delay: {
      type: 'string',
      format: 'headgate-duration',
      description: 'For `queue` and `back_off_and_queue`: wait before the next try, unless the provider asks for a longer one.',
    },
    to: { type: 'string', minLength: 1, description: 'For `fallback`: another integration that has the same operation.' },
    template: { type: 'string', minLength: 1, description: 'For `use_default_template`: the template to use instead.' },
    alert: { type: 'string', minLength: 1, description: 'Channel of `alerts`; `default`, or the log, where absent.' },
  },
} as const satisfies JSONSchema

export const failureModes = {
  type: 'object',
  default: {},
  description: 'Ways to fail by name, and what is done about each.',
  additionalProperties: failureMode,
} as const satisfies JSONSchema

export { tell }
export type FailureModeInput = FromSchema<typeof failureMode>
