import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { tls } from './tls.ts'

const healthCheck = {
  description: 'Active health check of every address: a path, or a map for more than the path.',
  anyOf: [
    { type: 'string', format: 'headgate-request-path' },
    {
      type: 'object',
      additionalProperties: false,
      required: ['path'],
      properties: {
        path: { type: 'string', format: 'headgate-request-path', description: 'Path asked with GET.' },
        interval: { type: 'string', format: 'headgate-duration', default: '10s', description: 'Time between two probes of one address.' },
        timeout: { type: 'string', format: 'headgate-duration', default: '2s', description: 'Longest wait for the status line of one probe.' },
        healthy_after: { type: 'integer', minimum: 1, maximum: 100, default: 1, description: 'Good probes in a row that bring an address back.' },
        unhealthy_after: { type: 'integer', minimum: 1, maximum: 100, default: 3, description: 'Failed probes in a row that take an address out.' },
      },
    },
  ],
} as const satisfies JSONSchema

export const service = {
  type: 'object',
  additionalProperties: false,
  description: 'A named logical target: where it lives and how its addresses are used.',
  properties: {
    urls: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: { type: 'string', format: 'headgate-upstream-url' },
      description: 'Fixed addresses.',
      examples: [['http://127.0.0.1:9101', 'http://127.0.0.1:9102']],
    },
    dns: {
      type: 'string',
      format: 'headgate-dns-name',
      description:
        'DNS name whose A/AAAA records are the addresses (port 80 unless `name:port`), or an SRV name (`_http._tcp.users.internal`). Resolved again every `dns_refresh`.',
    },
    dns_refresh: {
      type: 'string',
      format: 'headgate-duration',
      default: '10s',
      description: 'Time between two look-ups of `dns`. The last good answer stays in use when a look-up fails.',
    },
    dns_servers: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', format: 'headgate-address' },
      description: 'DNS servers to ask instead of those of the machine.',
    },
    consul: { type: 'string', minLength: 1, description: 'Consul service path. Not active in this version.' },
    health_check: healthCheck,
    passive_health: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'Takes an address out when live calls keep failing on it (connect errors, resets, timeouts). The last address of a service is never taken out.',
      properties: {
        failures: { type: 'integer', minimum: 1, maximum: 1000, default: 5, description: 'Failed calls in a row.' },
        eject_for: { type: 'string', format: 'headgate-duration', default: '10s', description: 'How long the address gets no calls.' },
      },
    },
    load_balancing: {
      type: 'string',
      enum: ['round_robin', 'least_requests', 'random'],
      default: 'round_robin',
      description: 'How an address is picked: in turn, the one with the fewest calls in flight, or by chance.',
    },
    connect_timeout: {
      type: 'string',
      format: 'headgate-duration',
      default: '2s',
      description: 'Longest wait for a TCP (and TLS) connection. The attempt timeout of the rule covers it too.',
    },
    max_connections: { type: 'integer', minimum: 1, maximum: 65535, default: 256, description: 'Connections per address and worker.' },
    max_pending: {
      type: 'integer',
      minimum: 0,
      maximum: 1000000,
      default: 1024,
      description: 'Calls per address that may wait for a connection; more are refused with 503 and `Retry-After`.',
    },
    host_header: {
      type: 'string',
      enum: ['upstream', 'client'],
      default: 'upstream',
      description: "`Host` sent upstream: the address's own, or the one the client asked for (always sent as `X-Forwarded-Host`).",
    },
    tls,
  },
} as const satisfies JSONSchema

export const services = {
  type: 'object',
  description: 'The services that rules point to, by name.',
  additionalProperties: service,
} as const satisfies JSONSchema

export type ServiceInput = FromSchema<typeof service>
