import { GatewayError } from '../errors.ts'
import type { Handler } from '../pipe.ts'
import { ProviderFailure } from '../plugin.ts'
import type { OperationCall, OperationHandlers } from '../plugin.ts'
import { batcher } from './batcher.ts'
import { failed, isProviderFailure, storedFailure } from './failure.ts'
import { HeldBack } from './provider-call.ts'
import type { Outcome, ProviderCall } from './provider-call.ts'
import type { SchemaCheck } from './schema-check.ts'
import type { Slots } from './slots.ts'

/** How long an adapter has to say what it knows once its time is up. */
const lastWordMs = 250

export interface AttemptDeps {
  readonly handlers: OperationHandlers
  readonly output: SchemaCheck
  readonly slots: Slots
  readonly batch: { readonly size: number; readonly maxWaitMs: number } | undefined
  /** The provider knows repetitions by their key. */
  readonly byKey: boolean
  epochNow(): number
  /** Told of errors of the adapter that are no `ProviderFailure`. */
  onAdapterError(error: unknown): void
}

export interface Attempts {
  /** @throws {HeldBack} `overloaded` */
  readonly target: Handler<ProviderCall, Outcome>
  /** Batches wait for nobody any more. */
  hurry(): void
}

/**
 * One attempt: the adapter is called, and left alone when its time is up; then only its slot stays taken. What it returns is checked.
 */
export function attempts(deps: AttemptDeps): Attempts {
  const { handlers, epochNow } = deps
  const { runBatch } = handlers
  const group =
    deps.batch === undefined || runBatch === undefined
      ? undefined
      : batcher({
          ...deps.batch,
          send: (calls, signal) => inSlot(() => runBatch.call(handlers, calls, signal)),
          mismatch: () => new ProviderFailure('invalid_response', 'the adapter gave another number of answers than calls', { executed: 'unknown' }),
          givenUp: () => new ProviderFailure('timeout', 'the time was up before the batch was sent', { executed: 'no' }),
        })

  /** The slot is free when the adapter has ended, however late that is. */
  const inSlot = async <T>(work: () => Promise<T>): Promise<T> => {
    const free = deps.slots.take()
    if (free === undefined) throw new HeldBack(failed('overloaded', 'no', 'too many calls are under way'))
    try {
      return await work()
    } finally {
      free()
    }
  }

  const answer = async (call: ProviderCall, signal: AbortSignal): Promise<Outcome> => {
    const { intent, input, purpose } = call
    const request: OperationCall = {
      input,
      key: intent.key,
      attempt: Math.max(1, intent.attempts + call.attempts),
      firstAttemptAtMs: intent.firstAttemptAtMs ?? epochNow(),
      signal,
    }
    if (purpose === 'lookup') {
      const found = await inSlot(() => (handlers.lookup as NonNullable<typeof handlers.lookup>)(request))
      if (typeof (found as unknown) !== 'object' || found === null) throw new TypeError('`lookup` gave no answer')
      return { type: 'looked', found }
    }
    const output = await (group === undefined ? inSlot(() => handlers.run(request)) : group.add(request))
    const checked = deps.output(output)
    if ('value' in checked) return { type: 'done', output: checked.value }
    return { type: 'failed', failure: failed('invalid_response', 'unknown', `the answer does not fit: ${checked.problem}`) }
  }

  const failureOf = (error: unknown): Outcome => {
    if (error instanceof HeldBack) throw error
    if (isProviderFailure(error)) return { type: 'failed', failure: storedFailure(error) }
    if (error instanceof GatewayError && error.code === 'SECRET_UNAVAILABLE') {
      return { type: 'failed', failure: failed('unauthorized', 'no', error.message) }
    }
    deps.onAdapterError(error)
    return { type: 'failed', failure: failed('internal', 'unknown', 'the adapter failed') }
  }

  const target: Attempts['target'] = async (call) => {
    if (call.brokenOff !== undefined) throw call.brokenOff
    const controller = new AbortController()
    const forget = call.purpose === 'run' ? call.begins() : undefined
    let timer: NodeJS.Timeout | undefined
    const timeUp = new Promise<Outcome>((resolve, reject) => {
      call.interrupt = (reason) => {
        controller.abort(reason)
        if (reason === call.brokenOff) reject(reason)
        const late = failed('timeout', 'unknown', 'no answer within the time limit')
        timer = setTimeout(() => resolve({ type: 'failed', failure: late }), lastWordMs)
      }
    })
    try {
      const outcome = await Promise.race([answer(call, controller.signal).catch(failureOf), timeUp])
      if (outcome.type === 'failed' && call.purpose === 'run') call.ended(outcome.failure, deps.byKey, epochNow())
      return outcome
    } catch (error) {
      forget?.()
      throw error
    } finally {
      clearTimeout(timer)
      call.interrupt = undefined
    }
  }
  return { target, hurry: () => group?.hurry() }
}
