import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

/** Towards a service or broker. */
export const tls = {
  type: 'object',
  additionalProperties: false,
  description: 'TLS towards `https` addresses.',
  properties: {
    verify: { type: 'boolean', default: true, description: 'Whether the certificate of the service is checked. Absent means yes.' },
    ca_file: {
      type: 'string',
      minLength: 1,
      description: 'PEM file with the authorities to trust instead of the built-in ones; relative to the file that names it.',
    },
    cert_file: { type: 'string', minLength: 1, description: 'PEM client certificate (mTLS).' },
    key_file: { type: 'string', minLength: 1, description: 'PEM client key (mTLS).' },
    server_name: { type: 'string', minLength: 1, description: 'Name expected in the certificate, when it is not the host of the address.' },
  },
} as const satisfies JSONSchema

export type TlsInput = FromSchema<typeof tls>
