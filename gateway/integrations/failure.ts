import type { FailureCondition, FailureModeConfig } from '../../config/model.ts'
import { failureKinds } from '../plugin.ts'
import type { Executed, FailureKind, ProviderFailure } from '../plugin.ts'
import type { StoredFailure } from './operation.ts'

/** By its name: an adapter from elsewhere has a copy of the class of its own. */
export function isProviderFailure(error: unknown): error is ProviderFailure {
  if (!(error instanceof Error) || error.name !== 'ProviderFailure') return false
  const { kind, executed } = error as Partial<ProviderFailure>
  return typeof kind === 'string' && Object.hasOwn(failureKinds, kind) && (executed === 'no' || executed === 'yes' || executed === 'unknown')
}

const maxMessageLength = 500

export function storedFailure({ kind, executed, message, status, code, retryAfterMs }: ProviderFailure): StoredFailure {
  return {
    kind,
    executed,
    message: message.slice(0, maxMessageLength),
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code: code.slice(0, 100) }),
    ...(retryAfterMs === undefined || !(retryAfterMs >= 0) ? {} : { retryAfterMs }),
  }
}

export const failed = (kind: FailureKind, executed: Executed, message: string, retryAfterMs?: number): StoredFailure => ({
  kind,
  executed,
  message,
  ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
})

/** Whether the provider is to blame, so that its circuit breaker counts it. */
const blamed: ReadonlySet<FailureKind> = new Set(['network_error', 'timeout', 'service_down', 'provider_error', 'invalid_response'])
export const blamesProvider = ({ kind }: StoredFailure): boolean => blamed.has(kind)

/** Kinds that another attempt of the same call may not meet again. */
const inPlace: ReadonlySet<FailureKind> = new Set(['network_error', 'timeout', 'service_down', 'provider_error', 'in_progress', 'internal'])
export const mayPassSoon = ({ kind }: StoredFailure): boolean => inPlace.has(kind)

/**
 * What the provider says about the intent itself. With its key in hand, such an answer also settles what became of earlier attempts. Any other
 * failure says nothing about them; nor does a refusal to do a second time what needs no key: it may be refused because it is done.
 */
const conclusive: ReadonlySet<FailureKind> = new Set([
  'rejected',
  'invalid_request',
  'not_found',
  'invalid_email',
  'blocked_domain',
  'template_error',
])
export const isConclusive = ({ kind, executed }: StoredFailure): boolean => executed !== 'unknown' && conclusive.has(kind)

/** Nothing was sent, for want of permission to. */
export const wasHeldBack = ({ kind, status }: StoredFailure): boolean =>
  kind === 'circuit_open' || kind === 'overloaded' || (kind === 'rate_limited' && status === undefined)

const statuses: Partial<Record<FailureKind, number>> = {
  timeout: 504,
  service_down: 503,
  rate_limited: 503,
  circuit_open: 503,
  overloaded: 503,
  key_conflict: 422,
  rejected: 422,
  invalid_request: 422,
  not_found: 422,
  invalid_email: 422,
  blocked_domain: 422,
  template_error: 422,
}

/** Status of the answer to the caller where no failure mode says another. */
export const statusOfKind = (kind: FailureKind): number => statuses[kind] ?? 502

/** The first mode that fits. */
export function modeFor(modes: readonly FailureModeConfig[], failure: StoredFailure): FailureModeConfig | undefined {
  const exact = modes.find(({ when }) => when.some((condition) => fits(condition, failure)))
  if (exact !== undefined) return exact
  const like = resembled(failure)
  if (like === undefined) return undefined
  const mode = modes.find(({ when }) => when.some((condition) => fits(condition, like)))
  return mode !== undefined && harmless.has(mode.then) ? mode : undefined
}

/** They keep the intent alive: fit for failures that only resemble what the mode was declared for. */
const harmless: ReadonlySet<FailureModeConfig['then']> = new Set(['queue', 'back_off_and_queue', 'idempotent_retry', 'fallback', 'use_local_session'])

/**
 * What people have in mind when they declare 503 and 429: a provider that cannot be reached, or is left alone, is down for the caller; our
 * own rate limit is there to spare us the provider's.
 */
function resembled(failure: StoredFailure): StoredFailure | undefined {
  if (failure.kind === 'rate_limited' && failure.status === undefined) return { ...failure, status: 429 }
  const down = failure.kind === 'circuit_open' || failure.kind === 'overloaded' || (failure.kind === 'network_error' && failure.executed === 'no')
  return down ? { ...failure, kind: 'service_down', status: 503 } : undefined
}

function fits({ kind, status, code }: FailureCondition, failure: StoredFailure): boolean {
  const { status: answered } = failure
  if (kind !== undefined && kind !== failure.kind) return false
  if (code !== undefined && code !== failure.code) return false
  return status === undefined || (answered !== undefined && status.some(({ from, to }) => from <= answered && answered <= to))
}
