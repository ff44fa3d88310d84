import type { JsonValue } from '../../config/model.ts'
import type { StoredFailure, Tell } from '../integrations/operation.ts'
import type { FailureKind } from '../plugin.ts'

/** What one attempt of a step, or of a compensation, has come to. */
export type CallResult =
  | { readonly type: 'done'; readonly output: JsonValue; readonly intent?: string }
  /** Dropped as declared: there is no effect to undo. */
  | { readonly type: 'skipped'; readonly intent?: string }
  /** For good; `tell` as the failure mode says. */
  | { readonly type: 'failed'; readonly failure: StoredFailure; readonly tell?: Tell; readonly intent?: string }
  | {
      /** Another attempt may work. */
      readonly type: 'again'
      readonly failure: StoredFailure | undefined
      /** Not before; the usual backoff where undefined. */
      readonly delayMs?: number
      /** Whether it counts against `retry.max_attempts`. */
      readonly counted: boolean
      /** Whether nobody knows what became of it: repeated until the deadline, whatever `retry` says. */
      readonly unanswered: boolean
      readonly intent?: string
    }

/** A failure of the gateway's own making, or as a service told it. */
export const failureOf = (
  kind: FailureKind,
  executed: StoredFailure['executed'],
  message: string,
  more: Partial<StoredFailure> = {},
): StoredFailure => ({
  kind,
  executed,
  message,
  ...more,
})
