import type { JSONSchema } from 'json-schema-to-ts'

/** Addresses of one cluster; what they look like is said where this is used. */
export const addresses = { type: 'array', minItems: 1, maxItems: 100 } as const satisfies JSONSchema

export const username = { type: 'string', minLength: 1, description: 'User name.' } as const satisfies JSONSchema

export const password = {
  type: 'string',
  minLength: 1,
  writeOnly: true,
  description: 'Password; take it from the environment: `${env:NAME}`. Never shown.',
} as const satisfies JSONSchema

/** What happens after it is said where this is used. */
export const connectTimeout = { type: 'string', format: 'headgate-duration', default: '5s' } as const satisfies JSONSchema

/** The file of what is embedded. */
export const localFile = <const Path extends string>(path: Path) =>
  ({
    type: 'string',
    minLength: 1,
    default: path,
    description: 'The file, relative to the working directory. On a disk of this machine, never on a network file system.',
  }) as const satisfies JSONSchema
