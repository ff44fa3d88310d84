import type { FromSchema } from 'json-schema-to-ts'
import type { BrokerInput } from '../../schemas/brokers.ts'
import type { ConsumerInput } from '../../schemas/consumers.ts'
import type { gatewaySchema } from '../../schemas/gateway.ts'
import type { JobStoreInput } from '../../schemas/job-store.ts'
import type { RoutingRuleInput } from '../../schemas/routing-rules.ts'
import type { ServiceInput } from '../../schemas/services.ts'

/** A validated service: the short form of `health_check` is written out. */
export type ValidService = Omit<ServiceInput, 'health_check'> & { readonly health_check?: Exclude<NonNullable<ServiceInput['health_check']>, string> }

/** The short form of `events` is written out. */
interface WithEvents {
  readonly events?: readonly string[]
}

export type ValidRule = Omit<RoutingRuleInput, 'events'> & WithEvents

export type ValidTarget = Omit<NonNullable<ConsumerInput['deliver_to']>, 'events'> & WithEvents

export type ValidConsumer = Omit<ConsumerInput, 'deliver_to'> & { readonly deliver_to?: ValidTarget }

type Sections = (typeof gatewaySchema)['properties']
type Section<Name extends keyof Sections> = FromSchema<Sections[Name]>

/** The short form of `store` is written out. */
export type ValidMessaging = Omit<Section<'messaging'>, 'store'> & { readonly store: JobStoreInput }

/** The whole validated file; sections with a default in the schema are always there. */
export interface ValidInput {
  readonly listeners: Section<'listeners'>
  readonly admin: Section<'admin'>
  readonly limits: Section<'limits'>
  readonly shutdown: Section<'shutdown'>
  readonly log: Section<'log'>
  readonly access_log: Section<'access_log'>
  readonly tracing: Section<'tracing'>
  readonly metrics?: Section<'metrics'>
  readonly services?: Readonly<Record<string, ValidService>>
  readonly routing_rules?: readonly ValidRule[]
  readonly health_checks?: Section<'health_checks'>
  readonly messaging: ValidMessaging
  readonly brokers: Readonly<Record<string, BrokerInput>>
  readonly queues?: Section<'queues'>
  readonly consumers?: Readonly<Record<string, ValidConsumer>>
  readonly events?: Section<'events'>
}
