import { GatewayError } from '../errors.ts'
import type { Call } from '../pipe.ts'
import type { Json, Lookup } from '../plugin.ts'
import { isConclusive } from './failure.ts'
import type { Intent } from './intent.ts'
import type { StoredFailure } from './operation.ts'

/** How one attempt ended. */
export type Outcome =
  | { readonly type: 'done'; readonly output: Json }
  /** `final`: asked after, and there is nothing more to come of this key. */
  | { readonly type: 'failed'; readonly failure: StoredFailure; readonly final?: boolean }
  | { readonly type: 'looked'; readonly found: Lookup }

/** Nothing was sent; carried past the circuit breaker, which must not hear of it. */
export class HeldBack extends Error {
  readonly failure: StoredFailure
  constructor(failure: StoredFailure) {
    super(failure.message)
    this.name = 'HeldBack'
    this.failure = failure
  }
}

/** What the attempts of one run of an intent have in common, and what they found out. */
export class ProviderCall implements Call {
  readonly deadlineAtMs: number
  readonly intent: Intent
  readonly input: Json
  readonly purpose: 'run' | 'lookup'
  attempts = 0
  aborted = false
  sent = false
  readonly progressAtMs = -Infinity
  /** As in `Intent`, kept up to date between attempts. */
  unsure: boolean
  silentAtMs: number | undefined
  /** The last failure, for when time is up between two attempts. */
  failure: StoredFailure | undefined
  /** Nobody wants the answer of a question any more. */
  brokenOff: GatewayError | undefined
  /** Ends the attempt or the wait that is under way. */
  interrupt: ((reason: Error) => void) | undefined

  constructor(intent: Intent, input: Json, purpose: 'run' | 'lookup', deadlineAtMs: number) {
    this.intent = intent
    this.input = input
    this.purpose = purpose
    this.deadlineAtMs = deadlineAtMs
    this.unsure = intent.unsure
    this.silentAtMs = intent.silentAtMs
  }

  breakOff(): void {
    this.brokenOff = new GatewayError('CLIENT_GONE')
    this.cancel(this.brokenOff)
  }

  cancel(reason: Error): void {
    this.interrupt?.(reason)
  }

  /** Before an attempt. @returns What undoes it, for one that was held back at the last moment. */
  begins(): () => void {
    const { attempts, sent } = this
    this.attempts += 1
    this.sent = true
    return () => void Object.assign(this, { attempts, sent })
  }

  /** @param byKey The provider knows repetitions by their key, so that what it says of one holds for all. */
  ended(failure: StoredFailure, byKey: boolean, nowMs: number): void {
    this.failure = failure
    if (failure.executed === 'unknown') {
      this.unsure = true
      if (failure.status === undefined) this.silentAtMs = nowMs
    } else if (failure.executed === 'yes' || (byKey && isConclusive(failure))) {
      this.unsure = false
    }
  }
}
