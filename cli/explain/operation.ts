import type { LoadResult } from '../../config/load.ts'
import type { FailureCondition, FailureModeConfig, GatewayConfig, IntegrationConfig, OperationConfig } from '../../config/model.ts'
import { maxBackoffMs } from '../../gateway/policies/backoff.ts'
import { childPointer } from '../render/pointers.ts'
import { durationText } from '../render/quantities.ts'
import { type OriginatedPolicy, originated } from './originated.ts'
import { originText } from './origins.ts'
import { located, type Policy } from './policies.ts'

export interface ExplainedOperation {
  /** `payment.create_payment` */
  readonly name: string
  readonly origin: string
  /** Type of the adapter. */
  readonly provider: string
  readonly policies: readonly OriginatedPolicy[]
  readonly failureModes: readonly ExplainedMode[]
  readonly worstCase: OperationWorstCase
}

export interface ExplainedMode {
  readonly name: string
  readonly origin: string
  /** `status 503 or circuit_open` */
  readonly when: string
  /** What is done about it: `waits in queue payment.process`. */
  readonly does: string
  /** What the caller gets: `202 "Processing payment..."`. */
  readonly told: string
}

/** What a caller who waits may have to wait for. */
export interface OperationWorstCase {
  readonly attempts: number
  /** Whether it may be repeated once it may have been sent. */
  readonly repeatable: boolean
  /** Milliseconds: all attempts, and the longest waits between them. `Retry-After` and a wait for the rate limit come on top. */
  readonly waitMs: number
}

/** @param called What a rule or consumer names. @returns Undefined where it calls no operation. */
export const explainedOperation = (
  config: GatewayConfig,
  result: LoadResult,
  called: { readonly type: string; readonly integration?: string; readonly operation?: string } | undefined,
): ExplainedOperation | undefined => {
  if (called?.type !== 'operation') return undefined
  const integration = config.integrations.find(({ name }) => name === called.integration)
  const operation = integration?.operations.find(({ name }) => name === called.operation)
  if (integration === undefined || operation === undefined) return undefined
  const base = childPointer('/integrations', integration.name)
  const own = childPointer(`${base}/operations`, operation.name)
  const place = result.effective?.originOf(own)
  return {
    name: `${integration.name}.${operation.name}`,
    origin: place === undefined || place === 'default' ? integration.origin : originText(place),
    provider: integration.plugin,
    policies: originated(operationPolicies(integration, operation, result, base, own), result),
    failureModes: operation.failureModes.map((mode) => explainedMode(mode, result, [`${own}/failure_modes`, `${base}/failure_modes`])),
    worstCase: worstCaseOf(integration, operation),
  }
}

const worstCaseOf = ({ retry }: IntegrationConfig, { timeoutMs, idempotency }: OperationConfig): OperationWorstCase => {
  const { maxAttempts, backoff: kind, baseDelayMs, maxDelayMs } = retry
  let waitMs = maxAttempts * timeoutMs
  for (let failed = 1; failed < maxAttempts; failed += 1) waitMs += maxBackoffMs({ kind, baseDelayMs, maxDelayMs }, failed)
  return { attempts: maxAttempts, repeatable: idempotency !== 'none', waitMs }
}

const rateText = (rate: { readonly limit: number; readonly windowMs: number } | undefined): string | undefined =>
  rate && `${rate.limit} in ${durationText(rate.windowMs)}`

const operationPolicies = (
  integration: IntegrationConfig,
  operation: OperationConfig,
  { effective }: LoadResult,
  base: string,
  own: string,
): readonly Policy[] => {
  const { retry, circuitBreaker } = integration
  const timeout = `${own}/timeout`
  return [
    { name: 'timeout', value: durationText(operation.timeoutMs), pointer: effective?.originOf(timeout) === undefined ? `${base}/timeout` : timeout },
    ...located(own, [
      ['idempotency', operation.idempotency],
      ['compensation', operation.compensation],
      ['priority', `P${operation.priority}`],
      ['rate_limit', rateText(operation.rateLimit)],
      ['batch.size', operation.batch && String(operation.batch.size)],
      ['batch.max_wait', operation.batch && durationText(operation.batch.maxWaitMs)],
    ]),
    ...located(base, [
      ['base_url', integration.baseUrl === '' ? undefined : integration.baseUrl],
      ['auth.type', integration.auth.type],
      ['criticality', integration.criticality],
      ['connect_timeout', durationText(integration.connectTimeoutMs)],
      ['max_concurrent', String(integration.maxConcurrent)],
      ['rate_limit', rateText(integration.rateLimit)],
      ['retry.max_attempts', String(retry.maxAttempts)],
      ['retry.backoff', retry.backoff],
      ['retry.base_delay', durationText(retry.baseDelayMs)],
      ['retry.max_delay', durationText(retry.maxDelayMs)],
      ['circuit_breaker.threshold', circuitBreaker && `${circuitBreaker.thresholdPercent}%`],
      ['circuit_breaker.timeout', circuitBreaker && durationText(circuitBreaker.resetTimeoutMs)],
      ['idempotency_ttl', durationText(integration.idempotencyTtlMs)],
      ['reconcile.give_up_after', durationText(integration.reconcile.giveUpAfterMs)],
    ]).map((policy) => (policy.name === 'rate_limit' ? { ...policy, name: 'rate_limit of all' } : policy)),
  ]
}

/** @param sections Where it may be declared, first things first. */
const explainedMode = (mode: FailureModeConfig, { effective }: LoadResult, sections: readonly string[]): ExplainedMode => {
  const origins = sections.map((section) => effective?.originOf(childPointer(section, mode.name)))
  return {
    name: mode.name,
    origin: originText(origins.find((origin) => origin !== undefined)),
    when: mode.when.map(conditionText).join(' or '),
    does: actionText(mode),
    told: toldText(mode),
  }
}

const conditionText = ({ kind, status, code }: FailureCondition): string =>
  [
    kind,
    status && `status ${status.map(({ from, to }) => (from === to ? String(from) : `${String(from).slice(0, 1)}xx`)).join(', ')}`,
    code && `code ${code}`,
  ]
    .filter((part) => part !== undefined)
    .join(' with ')

const actionText = (mode: FailureModeConfig): string => {
  const channel = mode.alert ?? 'the default channel'
  switch (mode.then) {
    case 'queue':
      return `waits in queue ${mode.queue ?? ''}${mode.delayMs === undefined ? '' : `, at least ${durationText(mode.delayMs)}`}`
    case 'back_off_and_queue':
      return `waits in queue ${mode.queue ?? ''}, as long as the provider asks${mode.delayMs === undefined ? '' : ` and at least ${durationText(mode.delayMs)}`}`
    case 'idempotent_retry':
      return 'is repeated with its key, and asked after at the provider'
    case 'log_and_alert':
      return `fails, with an alert to ${channel}`
    case 'fallback':
      return `is done by ${mode.to ?? ''}`
    case 'skip':
      return 'is dropped'
    case 'notify':
      return `fails, and ${channel} is told`
    case 'use_default_template':
      return `is tried with the template ${mode.template ?? ''}`
    case 'use_local_session':
      return 'is answered from what the provider said earlier'
    case 'manual_review':
      return `waits for a person, with an alert to ${channel}`
  }
}

const toldText = ({ status, tell }: FailureModeConfig): string => {
  const text = tell?.[0] === undefined ? '' : ` ${JSON.stringify(tell[0].text)}`
  return status === undefined ? `the answer of that${text === '' ? '' : `, else${text}`}` : `${status}${text}`
}
