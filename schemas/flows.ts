import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { tell } from './failure-modes.ts'

const template = (description: string) => ({ description }) as const

/** One call: of a service, or of an operation. Texts may hold CEL expressions in double braces: `"{{ input.email }}"`. */
const call = {
  service: { type: 'string', minLength: 1, description: 'Calls a service.' },
  method: { type: 'string', format: 'headgate-method', default: 'POST', description: 'Method of the request to the service.' },
  path: { type: 'string', minLength: 1, description: 'Path at the service, with expressions: `/orders/{{ steps.order.output.id }}`.' },
  headers: {
    type: 'object',
    propertyNames: { format: 'headgate-header-name' },
    additionalProperties: { type: 'string' },
    description: 'Headers of the request to the service, with expressions.',
  },
  body: template('JSON body of the request to the service, with expressions.'),
  integration: { type: 'string', minLength: 1, description: 'Calls an operation of this integration; `name.operation` says both.' },
  operation: { type: 'string', minLength: 1, description: 'The operation.' },
  input: template('Input of the operation, with expressions; that of the flow where absent.'),
} as const

const compensation = {
  description: 'Undoes the step when a later one fails; that of the operation where absent. `none` for steps that need not be undone.',
  anyOf: [
    { type: 'string', enum: ['none', 'manual_review'] },
    { type: 'object', additionalProperties: false, description: 'A call, with `steps` and `input` at hand.', properties: call },
  ],
} as const satisfies JSONSchema

const retry = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Attempts of a step before it has failed. Compensations are tried until they work or `deadline` has passed twice.',
  properties: {
    max_attempts: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'Attempts at most.' },
    base_delay: { type: 'string', format: 'headgate-duration', default: '500ms', description: 'Upper bound of the first wait.' },
    max_delay: { type: 'string', format: 'headgate-duration', default: '1m', description: 'Upper bound of any wait.' },
  },
} as const satisfies JSONSchema

const step = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  description: 'One call. It has an idempotency key of its own, the same for each repetition.',
  properties: {
    name: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,63}$', description: 'Name, for expressions: `steps.NAME.output`.' },
    ...call,
    when: { type: 'string', minLength: 1, description: 'CEL expression; the step is left out when it is false.' },
    timeout: { type: 'string', format: 'headgate-duration', default: '30s', description: 'ONE ATTEMPT.' },
    retry,
    on_failure: {
      type: 'string',
      enum: ['compensate', 'continue'],
      default: 'compensate',
      description: 'What a failure means: undo the finished steps, or go on without this one.',
    },
    compensation,
  },
} as const satisfies JSONSchema

export const flow = {
  type: 'object',
  additionalProperties: false,
  required: ['steps'],
  description: 'Steps in order. Progress is stored after each; when one fails, those that are finished are undone in reverse order.',
  properties: {
    description: { type: 'string', minLength: 1, description: 'What it does.' },
    input: { type: 'object', description: 'JSON Schema of the input: draft 2020-12, or draft-07 where `$schema` says so.' },
    deadline: {
      type: 'string',
      format: 'headgate-duration',
      default: '1h',
      description: 'Age at which a flow that is not done gives up and undoes what it did.',
    },
    wait: {
      type: 'string',
      format: 'headgate-duration-or-zero',
      default: '10s',
      description: 'How long a caller over HTTP waits for the end, before it is told 202 and where to ask.',
    },
    steps: { type: 'array', minItems: 1, maxItems: 100, items: step, description: 'The steps, in order.' },
    output: template('What a caller gets in the end, with expressions; all outputs by step where absent.'),
    tell: { ...tell, description: 'What the caller is told while it is not done: a text, or one for each language; `Accept-Language` chooses.' },
    alert: { type: 'string', minLength: 1, description: 'Channel of `alerts` for flows that end unfinished or wait for review.' },
    keep: { type: 'string', format: 'headgate-age', default: '7d', description: 'How long an ended flow can be looked at.' },
  },
} as const satisfies JSONSchema

export const flows = {
  type: 'object',
  description: 'Work over several services and providers that is done as a whole or undone.',
  propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' },
  additionalProperties: flow,
} as const satisfies JSONSchema

export type FlowInput = FromSchema<typeof flow>
