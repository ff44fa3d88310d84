import type { FromSchema, JSONSchema } from 'json-schema-to-ts'

export const listeners = {
  type: 'object',
  minProperties: 1,
  description: 'Where clients connect, by name.',
  default: { main: {} },
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    properties: {
      address: { type: 'string', format: 'headgate-address', default: '0.0.0.0:8080', description: 'HOST:PORT; port 0 picks a free one.' },
      trusted_proxies: {
        type: 'array',
        items: { type: 'string', format: 'headgate-cidr' },
        default: [],
        description: 'Peers whose `Forwarded` and `X-Forwarded-*` headers are believed and continued; from all others they are dropped.',
      },
    },
  },
} as const satisfies JSONSchema

export const admin = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Admin listener: /livez, /readyz, /metrics, /status, POST /-/reload. Keep it off public networks.',
  properties: {
    address: { type: 'string', format: 'headgate-address', default: '127.0.0.1:9900', description: 'HOST:PORT.' },
  },
} as const satisfies JSONSchema

export const limits = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What one worker takes on before it refuses: keeps memory bounded under load and abuse.',
  properties: {
    max_connections: {
      type: 'integer',
      minimum: 1,
      maximum: 1000000,
      default: 10000,
      description: 'Open client connections; more are closed at once.',
    },
    max_requests: {
      type: 'integer',
      minimum: 1,
      maximum: 1000000,
      default: 5000,
      description: 'Requests in flight; more are answered 503 with `Retry-After`.',
    },
    max_header_size: {
      type: 'string',
      format: 'headgate-size',
      default: '16KiB',
      description: 'Request line and headers together; more is answered 431.',
    },
    max_headers: { type: 'integer', minimum: 1, maximum: 2000, default: 100, description: 'Number of request headers; more is answered 431.' },
    header_timeout: {
      type: 'string',
      format: 'headgate-duration',
      default: '10s',
      description: 'Time a client has to send the request line and headers.',
    },
    request_timeout: {
      type: 'string',
      format: 'headgate-duration-or-never',
      default: '5m',
      description: 'Time a client has to send the whole request; then 408.',
    },
    keep_alive_timeout: { type: 'string', format: 'headgate-duration', default: '65s', description: 'How long an idle client connection is kept.' },
    send_timeout: {
      type: 'string',
      format: 'headgate-duration',
      default: '60s',
      description: 'How long a client may take none of a response that waits for it; then the connection is closed.',
    },
  },
} as const satisfies JSONSchema

export const shutdown = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'What happens on SIGTERM.',
  properties: {
    delay: {
      type: 'string',
      format: 'headgate-duration-or-zero',
      default: '0s',
      description: 'Time between failing readiness and closing the listeners; give load balancers time to notice.',
    },
    drain_timeout: { type: 'string', format: 'headgate-duration', default: '30s', description: 'Longest wait for requests in flight.' },
  },
} as const satisfies JSONSchema

export type ListenersInput = FromSchema<typeof listeners>
