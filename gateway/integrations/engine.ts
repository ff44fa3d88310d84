import type { JsonValue } from '../../config/model.ts'
import type { Alerts } from '../alerts/alert.ts'
import { GatewayError } from '../errors.ts'
import { intentHeader } from './operation.ts'
import type { OperationResult, StoredFailure } from './operation.ts'
import type { Message } from '../messaging/message.ts'
import { failed, isProviderFailure, statusOfKind, storedFailure } from './failure.ts'
import { providerOf, resultOf, toldBy } from './intent.ts'
import type { Intent } from './intent.ts'
import type { Ending, Hold, IntentLedger } from './intent-ledger.ts'
import type { Integration, IntegrationLog, Operation } from './integration.ts'
import { providerTrace } from './provider-trace.ts'
import { ProviderCall } from './provider-call.ts'
import type { Outcome } from './provider-call.ts'
import { isExpired, keyIsForgotten, mayRepeat, verdict } from './verdict.ts'
import type { Driver, Verdict } from './verdict.ts'

export interface EngineDeps {
  readonly ledger: IntentLedger
  readonly publisher: { toQueue(queue: string, message: Message): Promise<void> }
  readonly alerts: Alerts
  readonly log: IntegrationLog
  /** The integration in force of this name. */
  find(integration: string): Integration | undefined
  /** How long a queue keeps a message; `Infinity` where it does so for ever, or nobody knows the queue. */
  queueTtlMs(queue: string): number
  now(): number
  epochNow(): number
  random(): number
}

/** Who is waiting for how an intent goes on. */
export interface Drive {
  readonly driver: Driver
  /** On the monotonic clock. */
  readonly deadlineAtMs: number
  readonly signal?: AbortSignal | undefined
  readonly trace?: { readonly traceparent: string } | undefined
}

/**
 * Works on an intent that is held until it has ended or somebody else goes on with it; the hold is given back in every case.
 * @throws {GatewayError} STATE_UNAVAILABLE, CLIENT_GONE
 */
export type Engine = (hold: Hold, drive: Drive) => Promise<OperationResult>

/** How long the process that queues an intent may take to publish its message. */
const publishWithinMs = 60_000

/** An operation that nobody knows: how long until somebody looks again, and until people are asked. */
const lookAgainMs = 60_000
const withdrawnAfterMs = 86_400_000

/** How long an unanswered attempt may still be under way at the provider, so that "never heard of it" proves nothing; and how long a 500 may pass. */
const settlesAfterMs = 60_000

export function engine(deps: EngineDeps): Engine {
  const { epochNow, random } = deps

  return async (hold, drive) => {
    const leaving: (() => void)[] = []
    try {
      for (;;) {
        const used = deps.find(hold.intent.by)
        const operation = used?.operations.get(hold.intent.operation)
        if (used === undefined || operation === undefined) return await withdrawn(hold, drive)
        leaving.push(used.use())
        const provider = providerOf(used.config)
        if (hold.intent.provider !== provider) {
          if (hold.intent.unsure && operation.traits.duplicates === 'harmful') return await replaced(hold, operation, drive)
          await hold.note({ ...hold.intent, provider })
        }
        const next = await traced(drive, () => step(hold, operation, drive))
        if (next !== undefined) return next
      }
    } catch (error) {
      // A question that was broken off is over, and may be asked again at once.
      if (isGone(error)) await hold.end({ state: 'failed', intent: { ...hold.intent, open: true } })
      throw error
    } finally {
      hold.abandon()
      for (const leave of leaving) leave()
    }
  }

  /** One run of the pipe, and what comes of it; undefined when there is more to do at once. */
  async function step(hold: Hold, operation: Operation, drive: Drive): Promise<OperationResult | undefined> {
    const asked = await lookedUp(hold, operation, drive)
    if (asked === undefined) {
      const { intent, outcome } = await attempted(hold.intent, operation, drive)
      return concluded(hold, operation, intent, outcome, drive)
    }
    return concluded(hold, operation, asked.intent, asked.outcome, drive)
  }

  /** Asks the provider before something is repeated that may have happened. Undefined: nothing is known, go on. */
  async function lookedUp(hold: Hold, operation: Operation, drive: Drive): Promise<{ intent: Intent; outcome: Outcome } | undefined> {
    const { intent } = hold
    const { traits } = operation
    if (!intent.unsure || !traits.canLookUp) return undefined
    const call = callOf(intent, operation, 'lookup', drive)
    if (call === undefined) return undefined
    const outcome = await operation.pipe.once(call, call)
    if (outcome.type !== 'looked')
      return mayRepeat(traits, intent) && outcome.type === 'failed' ? undefined : { intent, outcome: stillUnsure(outcome) }
    const { found } = outcome
    if (found.found === 'done') {
      const checked = operation.output(found.output)
      if ('value' in checked) return { intent, outcome: { type: 'done', output: checked.value } }
      return { intent, outcome: failure(failed('invalid_response', 'unknown', `what was found does not fit: ${checked.problem}`)) }
    }
    if (found.found === 'failed' && isProviderFailure(found.failure)) {
      return { intent: { ...intent, unsure: found.failure.executed === 'unknown' }, outcome: failure(storedFailure(found.failure)) }
    }
    // A failure that passes is over in a while; one that is kept under the key comes again with each repetition, and ends here.
    const lastMs = Math.max(intent.silentAtMs ?? 0, intent.firstAttemptAtMs ?? 0)
    const settled = found.found === 'absent' && epochNow() - lastMs >= Math.max(settlesAfterMs, 2 * operation.config.timeoutMs)
    const answered = intent.failure?.status !== undefined && intent.failure.kind === 'provider_error'
    if (settled && (answered || !mayRepeat(traits, intent))) {
      const last = intent.failure ?? failed('internal', 'no', 'the provider knows nothing of it')
      return { intent: { ...intent, unsure: false }, outcome: { ...failure({ ...last, executed: 'no' }), final: true } }
    }
    return mayRepeat(traits, intent)
      ? undefined
      : { intent, outcome: failure(intent.failure ?? failed('timeout', 'unknown', 'the outcome is unknown')) }
  }

  async function attempted(intent: Intent, operation: Operation, drive: Drive): Promise<{ intent: Intent; outcome: Outcome }> {
    const { traits } = operation
    const over = drive.driver === 'door' ? keyIsForgotten : isExpired
    if (!mayRepeat(traits, intent) || over(traits, intent, epochNow())) {
      const lost = failed('timeout', intent.unsure ? 'unknown' : 'no', 'nobody knows what became of an earlier attempt')
      return { intent, outcome: failure(intent.failure ?? lost) }
    }
    const call = callOf(intent, operation, 'run', drive)
    if (call === undefined) {
      return { intent, outcome: failure(failed('invalid_request', 'no', 'the input does not fit the operation')) }
    }
    const release = onGone(drive.signal, call, operation)
    const run = drive.driver === 'door' ? operation.pipe.patient : operation.pipe.once
    const outcome = await run(call, call).finally(release)
    const { unsure, silentAtMs } = call
    const next = { ...intent, attempts: intent.attempts + call.attempts, unsure, ...(silentAtMs === undefined ? {} : { silentAtMs }) }
    return { intent: next, outcome }
  }

  function callOf(intent: Intent, operation: Operation, purpose: 'run' | 'lookup', drive: Drive): ProviderCall | undefined {
    const checked = operation.input(intent.input ?? null)
    return 'value' in checked ? new ProviderCall(intent, checked.value, purpose, drive.deadlineAtMs) : undefined
  }

  async function concluded(hold: Hold, operation: Operation, intent: Intent, outcome: Outcome, drive: Drive): Promise<OperationResult | undefined> {
    if (outcome.type === 'done') return ended(hold, { state: 'completed', intent: { ...withoutFailure(intent), output: outcome.output } }, drive)
    const raw = outcome.type === 'failed' ? outcome.failure : failed('internal', 'unknown', 'the outcome is unknown')
    // What one attempt says of itself is not the whole truth while an earlier one is in doubt.
    const known: StoredFailure = intent.unsure ? { ...raw, executed: 'unknown' } : raw
    const next: Intent = { ...intent, failure: known }
    const decided = verdict(operation.traits, next, known, drive.driver, { nowMs: epochNow(), random }, outcome.type === 'failed' && outcome.final)
    if (decided.mode !== undefined) operation.series.mode(decided.mode.name)
    report(operation, next, known, decided)
    return apply(hold, operation, next, known, decided, drive)
  }

  async function apply(
    hold: Hold,
    operation: Operation,
    intent: Intent,
    why: StoredFailure,
    decided: Verdict,
    drive: Drive,
  ): Promise<OperationResult | undefined> {
    const nowMs = epochNow()
    switch (decided.type) {
      case 'failed':
        return ended(hold, { state: 'failed', intent: { ...intent, told: decided.told, open: decided.open } }, drive)
      case 'skipped':
        return ended(hold, { state: 'skipped', intent: { ...intent, told: decided.told } }, drive)
      case 'review':
        return ended(hold, { state: 'review', intent: { ...intent, told: decided.told } }, drive)
      case 'verify': {
        const told = decided.told ?? intent.told
        return ended(hold, { state: 'verifying', intent: told === undefined ? intent : { ...intent, told }, dueAtMs: nowMs + decided.delayMs }, drive)
      }
      case 'wait': {
        const { delayMs, counted, mode } = decided
        const waiting = counted ? intent : { ...intent, notBeforeMs: nowMs + delayMs }
        const ending: Ending = intent.unsure
          ? { state: 'verifying', intent: waiting, dueAtMs: nowMs + delayMs }
          : { state: 'queued', intent: waiting, dueAtMs: takenUpAtMs(operation, waiting) }
        const now = await hold.end(ending)
        if (now !== ending) return answerFor(now, drive, true)
        return { type: 'wait', id: intent.id, mode: mode?.name, delayMs, counted, failure: why }
      }
      case 'queue':
        return queued(hold, operation, { ...intent, told: decided.told, notBeforeMs: nowMs + decided.delayMs }, decided.queue, drive)
      case 'fallback': {
        if (decided.doubled) operation.series.duplicatePossible()
        const other = deps.find(decided.to)
        // Remembered before the other provider hears of it: from here on it is the only one.
        await hold.note({
          ...intent,
          by: decided.to,
          ...(other === undefined ? {} : { provider: providerOf(other.config) }),
          tried: [...intent.tried, decided.to],
          unsure: false,
          firstAttemptAtMs: nowMs,
          silentAtMs: undefined,
          ...(decided.doubled ? { doubled: true } : {}),
        })
        return undefined
      }
      case 'template':
        await hold.note({ ...intent, templated: true, input: { ...(intent.input as Record<string, JsonValue>), [decided.field]: decided.template } })
        return undefined
      case 'local': {
        const output = localOutput(operation, intent, drive)
        if (output !== undefined) return ended(hold, { state: 'completed', intent: { ...intent, by: 'local', output } }, drive)
        const told = toldBy('failed', decided.mode, statusOfKind(why.kind), why.retryAfterMs)
        return ended(hold, { state: 'failed', intent: { ...intent, told, open: mayRepeat(operation.traits, intent) } }, drive)
      }
    }
  }

  function localOutput(operation: Operation, intent: Intent, drive: Drive): JsonValue | undefined {
    const call = callOf(intent, operation, 'run', drive)
    if (call === undefined || operation.handlers.local === undefined) return undefined
    const { input } = call
    const signal = AbortSignal.timeout(1000)
    try {
      const output = operation.handlers.local({ input, key: intent.key, attempt: intent.attempts, firstAttemptAtMs: epochNow(), signal })
      if (output === undefined) return undefined
      const checked = operation.output(output)
      return 'value' in checked ? checked.value : undefined
    } catch (error) {
      deps.log.error({ err: error, integration: intent.by, operation: intent.operation }, `the adapter of ${intent.by} failed`)
      return undefined
    }
  }

  /** Stored as queued first: a message must never come before what it goes on with. */
  async function queued(hold: Hold, operation: Operation, waiting: Intent, queue: string, drive: Drive): Promise<OperationResult> {
    const ttlMs = deps.queueTtlMs(queue)
    const intent = ttlMs === Infinity ? waiting : { ...waiting, messageUntilMs: epochNow() + ttlMs }
    const ending: Ending = { state: 'queued', intent: { ...intent, unpublished: true }, dueAtMs: epochNow() + publishWithinMs }
    const now = await hold.end(ending)
    if (now !== ending) return answerFor(now, drive, true)
    const published = await deps.publisher.toQueue(queue, noteFor(intent)).then(
      () => true,
      (error: unknown) => {
        deps.log.error({ err: error, intent: intent.id, queue }, `intent ${intent.id} could not be put into queue ${queue}`)
        return false
      },
    )
    const failing = toldBy('failed', undefined, 503, intent.failure?.retryAfterMs)
    const next: Ending = published
      ? { state: 'queued', intent, dueAtMs: takenUpAtMs(operation, intent) }
      : intent.unsure
        ? { state: 'verifying', intent, dueAtMs: epochNow() }
        : // Nothing is promised: nobody would go on with it.
          { state: 'failed', intent: { ...intent, told: failing, open: true } }
    const found = await deps.ledger.find(intent.id)
    // Its consumer may be faster than we are.
    if (found === undefined || found.intent.unpublished !== true || !(await deps.ledger.move(found, next))) {
      return published ? resultOf(intent, 'queued', { replayed: false, waits: false }) : answerFor(found ?? next, drive, true)
    }
    return answerFor(next, drive, false)
  }

  function noteFor({ id, integration, operation, failure: why }: Intent): Message {
    const note = { intent: id, integration, operation, because: why?.kind }
    return {
      id,
      body: Buffer.from(JSON.stringify(note)),
      contentType: 'application/json',
      headers: { [intentHeader]: id },
      key: undefined,
      publishedAtMs: epochNow(),
    }
  }

  async function ended(hold: Hold, ending: Ending, drive: Drive): Promise<OperationResult> {
    const now = await hold.end(ending)
    return answerFor(now, drive, now !== ending)
  }

  /** Its integration is not in the configuration: perhaps not any more, perhaps another process has a newer one. */
  async function withdrawn(hold: Hold, drive: Drive): Promise<OperationResult> {
    const { intent } = hold
    const why = failed('internal', intent.unsure ? 'unknown' : 'no', `there is no ${intent.by}.${intent.operation} in the configuration`)
    const next = { ...intent, failure: why, told: toldBy('failed', undefined, 502) }
    if (epochNow() - intent.sinceMs >= withdrawnAfterMs) return ended(hold, { state: 'review', intent: next }, drive)
    if (drive.driver === 'door')
      return ended(hold, { state: intent.unsure ? 'verifying' : 'failed', intent: { ...next, open: true }, dueAtMs: epochNow() + lookAgainMs }, drive)
    const delayMs = lookAgainMs
    await hold.end({ state: 'verifying', intent: { ...intent, failure: why }, dueAtMs: epochNow() + delayMs })
    return { type: 'wait', id: intent.id, mode: undefined, delayMs, counted: true, failure: why }
  }

  /** Something may have happened at the provider that the integration meant before, and the one that it means now knows nothing of it. */
  async function replaced(hold: Hold, operation: Operation, drive: Drive): Promise<OperationResult> {
    const why = failed('internal', 'unknown', `${hold.intent.by} means another provider than at the last attempt`)
    const intent = { ...hold.intent, failure: why, told: toldBy('pending', undefined, 202) }
    report(operation, intent, why, { type: 'review', mode: undefined, alert: true, told: intent.told })
    return ended(hold, { state: 'review', intent }, drive)
  }

  function report({ integration: { name, criticality } }: Operation, intent: Intent, why: StoredFailure, { mode, alert, type }: Verdict): void {
    const fields = {
      integration: name,
      operation: intent.operation,
      intent: intent.id,
      kind: why.kind,
      executed: why.executed,
      action: mode?.then ?? type,
    }
    const about = `${name}.${intent.operation}`
    deps.log.warn({ ...fields, status: why.status, code: why.code, attempts: intent.attempts, detail: why.message }, `${about} failed: ${why.kind}`)
    if (!alert) return
    deps.alerts.raise(mode?.alert, {
      about: type === 'review' ? `${about}/review/${intent.id}` : `${about}/${mode?.name ?? why.kind}`,
      summary: type === 'review' ? `${about} waits for a person: ${why.kind}` : `${about} failed: ${why.kind}`,
      severity: type === 'review' || criticality === 'critical' || criticality === 'high' ? 'critical' : 'warning',
      fields: {
        ...fields,
        criticality,
        ...(why.status === undefined ? {} : { status: why.status }),
        ...(why.code === undefined ? {} : { code: why.code }),
      },
    })
  }
}

/** A message is not found missing at once. */
const missingAfterMs = 1000

/** When the background takes up what waits for its message: what was promised must not end with the time that the queue keeps messages. */
const takenUpAtMs = ({ traits }: Operation, { sinceMs, notBeforeMs = 0, messageUntilMs = Infinity }: Intent): number =>
  Math.min(sinceMs + traits.reconcile.giveUpAfterMs, Math.max(notBeforeMs, messageUntilMs + missingAfterMs))

const traced = <T>({ trace }: Drive, work: () => Promise<T>): Promise<T> => (trace === undefined ? work() : providerTrace.run(trace, work))

const failure = (why: StoredFailure): Extract<Outcome, { type: 'failed' }> => ({ type: 'failed', failure: why })

const stillUnsure = (outcome: Outcome): Outcome =>
  outcome.type === 'failed' ? failure({ ...outcome.failure, executed: 'unknown' }) : failure(failed('timeout', 'unknown', 'the outcome is unknown'))

const isGone = (error: unknown): boolean => error instanceof GatewayError && error.code === 'CLIENT_GONE'

/** What is stored now, for who drives: messages and flows come again as long as it is open, since nobody else does their part. */
export function answerFor(
  { intent, state }: Pick<Ending, 'intent' | 'state'>,
  { driver }: Pick<Drive, 'driver'>,
  replayed: boolean,
): OperationResult {
  const waits = driver === 'delivery' || driver === 'step'
  if (waits && (state === 'running' || state === 'queued' || state === 'verifying')) {
    return { type: 'wait', id: intent.id, mode: intent.told?.mode, delayMs: 1000, counted: false, failure: intent.failure }
  }
  return resultOf(intent, state, { replayed, waits })
}

const withoutFailure = ({ failure: _failure, told: _told, notBeforeMs: _notBefore, open: _open, ...rest }: Intent): Intent => rest

/**
 * Nobody waits any more. What has an effect goes on to its end, whose outcome is stored; a question is broken off.
 * @returns Stops listening.
 */
function onGone(signal: AbortSignal | undefined, call: ProviderCall, { isQuestion }: Operation): () => void {
  if (signal === undefined) return () => undefined
  const gone = (): void => {
    call.aborted = true
    if (isQuestion) call.breakOff()
  }
  if (signal.aborted) gone()
  signal.addEventListener('abort', gone, { once: true })
  return () => signal.removeEventListener('abort', gone)
}
