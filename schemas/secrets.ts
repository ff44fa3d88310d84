import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

export const secrets = {
  type: 'object',
  description: 'Secrets by name: where they are kept and how often they change. `${secret:NAME#FIELD}` stands for one of their values.',
  propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' },
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        minLength: 1,
        description:
          'Path in the secret store. With files: a JSON or YAML file of fields, or a folder with a file for each field, under the root of the store.',
      },
      rotation: { type: 'string', format: 'headgate-age', description: 'How often the secret has to change.' },
    },
  },
} as const satisfies JSONSchema

export const secretStore = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description:
    'Where `secrets` are read: the environment variable `HEADGATE_SECRET_NAME_FIELD` where it is set (capitals, `_` for what is no letter or digit), otherwise files.',
  properties: {
    root: {
      type: 'string',
      minLength: 1,
      default: '.headgate/secrets',
      description: 'Folder that paths of secrets are under; relative to the working directory.',
    },
  },
} as const satisfies JSONSchema

export type SecretsInput = FromSchema<typeof secrets>
