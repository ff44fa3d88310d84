import type { FromSchema } from 'json-schema-to-ts'
import type { AlertInput } from '../../schemas/alerts.ts'
import type { BrokerInput } from '../../schemas/brokers.ts'
import type { ConsumerInput } from '../../schemas/consumers.ts'
import type { FailureModeInput } from '../../schemas/failure-modes.ts'
import type { FlowInput } from '../../schemas/flows.ts'
import type { gatewaySchema } from '../../schemas/gateway.ts'
import type { IntegrationInput, OperationInput } from '../../schemas/integrations.ts'
import type { JobStoreInput } from '../../schemas/job-store.ts'
import type { RoutingRuleInput } from '../../schemas/routing-rules.ts'
import type { SecretsInput } from '../../schemas/secrets.ts'
import type { ServiceInput } from '../../schemas/services.ts'
import type { PostgresqlStoreInput } from '../../schemas/state.ts'
import type { JsonValue } from '../model.ts'

/** A validated service: the short form of `health_check` is written out. */
export type ValidService = Omit<ServiceInput, 'health_check'> & { readonly health_check?: Exclude<NonNullable<ServiceInput['health_check']>, string> }

/** The short form of `events` is written out. */
interface WithEvents {
  readonly events?: readonly string[]
}

export type ValidRule = Omit<RoutingRuleInput, 'events'> & WithEvents

export type ValidTarget = Omit<NonNullable<ConsumerInput['deliver_to']>, 'events'> & WithEvents

export type ValidConsumer = Omit<ConsumerInput, 'deliver_to'> & { readonly deliver_to?: ValidTarget }

type Language = Readonly<Record<string, string>>

export interface ValidCondition {
  readonly kind?: string
  readonly status?: number | string | readonly number[]
  readonly code?: string
}

/** `when` is a list of conditions, `tell` a map by language. */
export type ValidMode = Omit<FailureModeInput, 'when' | 'tell'> & { readonly when: readonly ValidCondition[]; readonly tell?: Language }

interface WithModes {
  readonly failure_modes: Readonly<Record<string, ValidMode>>
}

export type ValidOperation = Omit<OperationInput, 'failure_modes' | 'settings'> &
  WithModes & { readonly settings: Readonly<Record<string, JsonValue>> }

export type ValidIntegration = Omit<IntegrationInput, 'failure_modes' | 'operations' | 'settings'> &
  WithModes & {
    readonly operations: Readonly<Record<string, ValidOperation>>
    readonly settings: Readonly<Record<string, JsonValue>>
  }

/** `integration` and `operation` are told apart. */
export type ValidStep = FlowInput['steps'][number]

export type ValidCompensation = NonNullable<ValidStep['compensation']>

/** What a step and a compensation have in common. */
export type ValidCall = Omit<Exclude<ValidCompensation, string>, 'method'> & { readonly method?: string }

export type ValidFlow = Omit<FlowInput, 'tell'> & { readonly tell?: Language }

export type ValidState = JobStoreInput | PostgresqlStoreInput

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
  readonly plugins?: readonly string[]
  readonly integrations?: Readonly<Record<string, ValidIntegration>>
  readonly flows?: Readonly<Record<string, ValidFlow>>
  readonly alerts?: Readonly<Record<string, AlertInput>>
  readonly state?: ValidState
  readonly secrets?: SecretsInput
  readonly secret_store: Section<'secret_store'>
}
