import type { JSONSchema } from 'json-schema-to-ts'

export const secrets = {
  type: 'object',
  description: 'Secrets by name: where they are kept and how often they change. Not active in this version.',
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { type: 'string', minLength: 1, description: 'Path in the secret store.' },
      rotation: { type: 'string', format: 'headgate-age', description: 'How often the secret has to change.' },
    },
  },
} as const satisfies JSONSchema
