import type { JSONSchema } from 'json-schema-to-ts'

export const log = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: "The gateway's own log (JSON lines on standard error).",
  properties: {
    level: {
      type: 'string',
      enum: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
      default: 'info',
      description: 'Least severity that is written.',
    },
  },
} as const satisfies JSONSchema

export const accessLog = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'One JSON line per request on standard output, written off the hot path.',
  properties: {
    enabled: { type: 'boolean', default: true, description: 'Whether lines are written.' },
    query: { type: 'boolean', default: false, description: 'Whether the query string is part of the line; off because queries carry secrets.' },
    request_headers: {
      type: 'array',
      items: { type: 'string', format: 'headgate-header-name' },
      default: [],
      description: 'Request headers to add to the line.',
    },
  },
} as const satisfies JSONSchema

export const tracing = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Trace context: W3C `traceparent` and the headers named here are read, made where missing, and passed on.',
  properties: {
    headers: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Names of the own trace headers.',
      properties: {
        trace_id: { type: 'string', format: 'headgate-header-name', default: 'x-trace-id', description: '32 hex digits.' },
        parent_span_id: { type: 'string', format: 'headgate-header-name', default: 'x-parent-span-id', description: '16 hex digits.' },
        span_id: { type: 'string', format: 'headgate-header-name', default: 'x-span-id', description: '16 hex digits.' },
        sampled: { type: 'string', format: 'headgate-header-name', default: 'x-sampled', description: '`true` or `false`.' },
      },
    },
  },
} as const satisfies JSONSchema

export const metrics = {
  type: 'array',
  description: 'The integration metrics, with exactly their names and labels. They are always there; declaring one documents and checks it.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'type', 'labels'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Metric name.',
        examples: ['integration_latency_ms', 'integration_errors_total', 'circuit_breaker_state'],
      },
      type: { type: 'string', enum: ['histogram', 'counter', 'gauge'], description: 'Metric type.' },
      labels: { type: 'array', items: { type: 'string', minLength: 1 }, description: 'Label names.' },
    },
  },
} as const satisfies JSONSchema

export const healthChecks = {
  type: 'object',
  additionalProperties: false,
  description: 'Scheduled probes.',
  properties: {
    external_apis: {
      type: 'array',
      description: 'Probes of external APIs. Not active in this version.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['url'],
        properties: {
          url: { type: 'string', format: 'headgate-url', description: 'Asked with GET.' },
          interval: { type: 'string', format: 'headgate-duration', default: '30s', description: 'Time between two probes.' },
          timeout: { type: 'string', format: 'headgate-duration', default: '5s', description: 'Longest wait.' },
        },
      },
    },
    internal_services: {
      type: 'array',
      description: 'Active health checks of declared services; the same as `health_check` at the service.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['service'],
        properties: {
          service: { type: 'string', minLength: 1, description: 'Name of a service.' },
          endpoint: { type: 'string', format: 'headgate-request-path', default: '/health', description: 'Path asked with GET.' },
          interval: { type: 'string', format: 'headgate-duration', default: '10s', description: 'Time between two probes of one address.' },
          timeout: { type: 'string', format: 'headgate-duration', default: '2s', description: 'Longest wait.' },
        },
      },
    },
    message_queues: {
      type: 'array',
      description: 'Checks of queues. Not active in this version.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['queue', 'check'],
        properties: {
          queue: { type: 'string', minLength: 1, description: 'Name of a queue.' },
          check: { type: 'string', minLength: 1, description: 'Expression over the queue, such as `queue_depth < 1000`.' },
          interval: { type: 'string', format: 'headgate-duration', default: '60s', description: 'Time between two checks.' },
        },
      },
    },
  },
} as const satisfies JSONSchema
