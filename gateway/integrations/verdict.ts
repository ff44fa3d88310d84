import type { FailureModeConfig } from '../../config/model.ts'
import { backoffMs } from '../policies/backoff.ts'
import { isConclusive, mayPassSoon, modeFor, statusOfKind, wasHeldBack } from './failure.ts'
import { toldBy } from './intent.ts'
import type { Intent, Told } from './intent.ts'
import type { StoredFailure } from './operation.ts'

/** Who drives an intent: a caller that waits, a message or a flow that comes again, or the reconciler. */
export type Driver = 'door' | 'delivery' | 'step' | 'background'

/** What the verdict has to know of the operation of `intent.by`. */
export interface OperationTraits {
  readonly nature: 'key' | 'inherent' | 'none'
  readonly duplicates: 'harmful' | 'tolerable'
  readonly keyTtlMs: number
  /** Of `retry`: bounds repetitions that may have their effect twice. */
  readonly maxAttempts: number
  readonly canLookUp: boolean
  readonly hasLocal: boolean
  readonly templateField: string | undefined
  readonly modes: readonly FailureModeConfig[]
  readonly reconcile: { readonly baseDelayMs: number; readonly maxDelayMs: number; readonly giveUpAfterMs: number }
  /** Whether another integration exists that could take over. */
  canFallBackTo(integration: string): boolean
}

export type Verdict = { readonly mode: FailureModeConfig | undefined; readonly alert: boolean } & (
  | { readonly type: 'failed'; readonly told: Told; readonly open: boolean }
  | { readonly type: 'skipped'; readonly told: Told }
  /** Goes into a queue, to be taken up after `delayMs`. */
  | { readonly type: 'queue'; readonly told: Told; readonly queue: string; readonly delayMs: number }
  /** Goes on in the background after `delayMs`. */
  | { readonly type: 'verify'; readonly told: Told | undefined; readonly delayMs: number }
  /** Its message or flow comes again after `delayMs`. */
  | { readonly type: 'wait'; readonly delayMs: number; readonly counted: boolean }
  | { readonly type: 'review'; readonly told: Told }
  | { readonly type: 'fallback'; readonly to: string; readonly doubled: boolean }
  | { readonly type: 'template'; readonly field: string; readonly template: string }
  | { readonly type: 'local' }
)

export interface VerdictClock {
  readonly nowMs: number
  random(): number
}

/** Attempts that may all have their effect: the design document's `onTimeout: retryWithBackoff(attempts: 3)`. */
const unsureAttempts = 3

/**
 * Whether another attempt is allowed at all: what may have happened is repeated only where the provider sees that it is the same. An exception
 * is what does little harm twice: a mail is sent again after a timeout, three times in all, unless `retry` says fewer.
 */
export const mayRepeat = (
  { nature, duplicates, maxAttempts }: Pick<OperationTraits, 'nature' | 'duplicates' | 'maxAttempts'>,
  { unsure, failure, attempts }: Pick<Intent, 'unsure' | 'failure' | 'attempts'>,
): boolean =>
  nature !== 'none' || !unsure || (duplicates === 'tolerable' && failure?.kind === 'timeout' && attempts < Math.min(maxAttempts, unsureAttempts))

/** Too old: people have stopped waiting, or the provider no longer knows the key. */
export function isExpired({ nature, keyTtlMs, reconcile }: OperationTraits, intent: Intent, nowMs: number): boolean {
  if (nowMs - intent.sinceMs >= reconcile.giveUpAfterMs) return true
  return keyIsForgotten({ nature, keyTtlMs }, intent, nowMs)
}

export const keyIsForgotten = (
  { nature, keyTtlMs }: Pick<OperationTraits, 'nature' | 'keyTtlMs'>,
  { unsure, firstAttemptAtMs }: Intent,
  nowMs: number,
): boolean => nature === 'key' && unsure && firstAttemptAtMs !== undefined && nowMs - firstAttemptAtMs >= keyTtlMs

const maxWaitMs = 300_000
const minWaitMs = 100

/** Wait before the next attempt of an intent: as long as the provider asks, and longer with each attempt. */
function pauseMs(traits: OperationTraits, intent: Intent, failure: StoredFailure, mode: FailureModeConfig | undefined, clock: VerdictClock): number {
  const { baseDelayMs, maxDelayMs, giveUpAfterMs } = traits.reconcile
  const policy = { kind: 'exponential', baseDelayMs, maxDelayMs: Math.min(maxDelayMs, maxWaitMs) } as const
  const ownMs = backoffMs(policy, Math.max(1, Math.min(intent.attempts, 30)), clock.random)
  const longestMs = Math.max(minWaitMs, intent.sinceMs + giveUpAfterMs - clock.nowMs)
  return Math.min(longestMs, Math.max(minWaitMs, ownMs, failure.retryAfterMs ?? 0, mode?.delayMs ?? 0))
}

/**
 * What is done about a failure. `intent` has the failure in it already, and `unsure` says whether any attempt so far may have had the effect.
 * Changes nothing; every rule against doing something twice stands here.
 * @param final Nothing can come of this key any more.
 */
export function verdict(
  traits: OperationTraits,
  intent: Intent,
  failure: StoredFailure,
  driver: Driver,
  clock: VerdictClock,
  final = false,
): Verdict {
  const mode = modeFor(traits.modes, failure)
  const harmful = traits.duplicates === 'harmful'
  const unsure = intent.unsure
  const expired = isExpired(traits, intent, clock.nowMs)
  const answered = statusOfKind(failure.kind)
  const alert = mode !== undefined && alerting.has(mode.then)
  const common = { mode, alert }

  const fail = (open: boolean): Verdict => {
    const told = toldBy('failed', mode, answered, failure.retryAfterMs)
    return { ...common, type: 'failed', told, open: open && mayRepeat(traits, intent) }
  }
  const review = (): Verdict => ({ mode, alert: true, type: 'review', told: toldBy('pending', told202(mode), 202) })
  const waitMs = (): number => pauseMs(traits, intent, failure, mode, clock)
  /** Goes on by itself; the caller is told what `mode` says, or as before. */
  const goOn = (): Verdict => {
    if (expired || !(mayRepeat(traits, intent) || traits.canLookUp)) return review()
    if (driver === 'delivery' || driver === 'step') {
      return { ...common, type: 'wait', delayMs: waitMs(), counted: !(wasHeldBack(failure) || (mode !== undefined && waiting.has(mode.then))) }
    }
    const told = mode === undefined && driver === 'background' ? undefined : toldWhileOpen(mode, answered)
    return { ...common, type: 'verify', told, delayMs: waitMs() }
  }
  /** Nobody declared what to do. */
  const plain = (): Verdict => {
    if (!unsure && isConclusive(failure)) return fail(false)
    // What may have been done and must not be done again.
    if (unsure && !mayRepeat(traits, intent)) return harmful ? goOn() : fail(false)
    if (driver !== 'door') return mayComeAgain(failure) || unsure ? goOn() : fail(true)
    return unsure && harmful ? goOn() : fail(true)
  }

  if (failure.executed === 'yes' || final) return fail(final && traits.nature === 'key')
  switch (mode?.then) {
    case undefined:
      return plain()
    case 'queue':
    case 'back_off_and_queue': {
      if (driver !== 'door' || expired || !mayRepeat(traits, intent) || mode.queue === undefined) return orFail(goOn, plain)
      const delayMs = mode.then === 'queue' && mode.delayMs === undefined ? (failure.retryAfterMs ?? 0) : waitMs()
      const told = toldBy('pending', mode, 202, mode.then === 'queue' ? undefined : delayMs)
      return { ...common, type: 'queue', told, queue: mode.queue, delayMs }
    }
    case 'idempotent_retry':
      return orFail(goOn, plain)
    case 'log_and_alert':
    case 'notify':
      // The caller is told that it failed; whether it did is still found out.
      if (unsure && harmful) return goOn()
      return fail(!isConclusive(failure))
    case 'fallback': {
      const { to } = mode
      const free = to !== undefined && !intent.tried.includes(to) && traits.canFallBackTo(to)
      if (free && !expired && (!unsure || (!harmful && intent.doubled !== true))) return { ...common, type: 'fallback', to, doubled: unsure }
      return plain()
    }
    case 'skip':
      if (unsure && harmful) return goOn()
      return { ...common, type: 'skipped', told: toldBy('pending', mode, 200) }
    case 'use_default_template': {
      const { template } = mode
      if (template === undefined || traits.templateField === undefined || intent.templated === true || !mayRepeat(traits, intent)) return plain()
      return { ...common, type: 'template', field: traits.templateField, template }
    }
    case 'use_local_session':
      return traits.hasLocal ? { ...common, type: 'local' } : plain()
    case 'manual_review':
      return review()
  }

  /** A tolerable operation that cannot be repeated has nothing to be reviewed for. */
  function orFail(otherwise: () => Verdict, unforeseen: () => Verdict): Verdict {
    return unsure && !mayRepeat(traits, intent) && !harmful ? unforeseen() : otherwise()
  }
}

const alerting: ReadonlySet<FailureModeConfig['then']> = new Set(['log_and_alert', 'notify', 'manual_review'])
const waiting: ReadonlySet<FailureModeConfig['then']> = new Set(['queue', 'back_off_and_queue', 'idempotent_retry'])

/** Kinds that are over some time without anybody changing the input. */
const mayComeAgain = (failure: StoredFailure): boolean =>
  mayPassSoon(failure) || wasHeldBack(failure) || ['rate_limited', 'unauthorized', 'invalid_response'].includes(failure.kind)

/** Those that tell of a failure do so at once; all others that it is not over. */
const toldWhileOpen = (mode: FailureModeConfig | undefined, answered: number): Told =>
  mode !== undefined && (mode.then === 'log_and_alert' || mode.then === 'notify')
    ? toldBy('failed', mode, answered)
    : toldBy('pending', told202(mode), 202)

/** A mode whose status speaks of the end says nothing while it is open. */
const told202 = (mode: FailureModeConfig | undefined): FailureModeConfig | undefined => {
  if (mode === undefined || mode.then === 'manual_review' || waiting.has(mode.then)) return mode
  const { status: _, ...rest } = mode
  return rest
}
