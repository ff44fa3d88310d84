import type { FromSchema, JSONSchema } from 'json-schema-to-ts'
import { alerts } from './alerts.ts'
import { brokers } from './brokers.ts'
import { consumers } from './consumers.ts'
import { events } from './events.ts'
import { flows } from './flows.ts'
import { integrations, plugins } from './integrations.ts'
import { admin, limits, listeners, shutdown } from './listeners.ts'
import { messaging, queues } from './messaging.ts'
import { accessLog, healthChecks, log, metrics, tracing } from './observability.ts'
import { routingRules } from './routing-rules.ts'
import { secrets, secretStore } from './secrets.ts'
import { services } from './services.ts'
import { state } from './state.ts'

/** The whole file. Every key, its type, unit, default and meaning stands here and nowhere else. */
export const gatewaySchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  $id: 'urn:headgate:schema:gateway',
  title: 'Headgate configuration',
  description: 'The integration design document, as YAML that runs.',
  type: 'object',
  additionalProperties: false,
  patternProperties: { '^x-': { description: 'Free space, for anchors and notes of your own.' } },
  properties: {
    listeners,
    admin,
    limits,
    shutdown,
    log,
    access_log: accessLog,
    tracing,
    metrics,
    services,
    routing_rules: routingRules,
    health_checks: healthChecks,
    messaging,
    brokers,
    queues,
    consumers,
    events,
    plugins,
    integrations,
    flows,
    alerts,
    state,
    secrets,
    secret_store: secretStore,
  },
} as const satisfies JSONSchema

/** Sections that the schema accepts and this version does not run yet: each gives a warning that says so. */
export const inactivePaths = ['/health_checks/external_apis', '/health_checks/message_queues', '/services/*/consul'] as const

export type GatewayInput = FromSchema<typeof gatewaySchema>
