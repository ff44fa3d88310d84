import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

export const circuitBreaker = {
  type: 'object',
  additionalProperties: false,
  description: 'Stops calls to a failing target. Failures: connect errors, resets, timeouts, 5xx. Never: 4xx, 429, a client that went away.',
  required: ['threshold'],
  properties: {
    threshold: { type: 'string', format: 'headgate-percent', description: 'Failed share of the calls in `window` at which the circuit opens.' },
    timeout: {
      type: 'string',
      format: 'headgate-duration',
      default: '30s',
      description: 'How long the circuit stays open; then exactly one trial call decides.',
    },
    window: { type: 'string', format: 'headgate-duration', default: '10s', description: 'Time over which calls are counted.' },
    volume: {
      type: 'integer',
      minimum: 1,
      maximum: 1000000,
      default: 20,
      description: 'Calls that must have ended within `window` before the share counts.',
    },
  },
} as const satisfies JSONSchema

export type CircuitBreakerInput = FromSchema<typeof circuitBreaker>
