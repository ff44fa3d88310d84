import type { TraceContext } from '../observe/trace.ts'
import type { Call } from '../pipe.ts'
import type { Delivery } from './delivery.ts'

/** One delivery on its way through the pipe of a consumer: what its stages share. */
export class DeliveryCall implements Call {
  readonly delivery: Delivery
  /** The trace of the message; each attempt is a span of it. */
  readonly trace: TraceContext
  /** Attempts of earlier deliveries, those that were repeated in place included. */
  readonly attemptsBefore: number
  /** Number of this delivery, counted from 1, those that were repeated in place included. */
  readonly number: number
  /** None: each attempt has its time limit, and their number is bounded. */
  readonly deadlineAtMs = Infinity
  readonly progressAtMs = -Infinity
  attempts = 0
  aborted = false
  sent = false
  /** How long the delivery waited for the circuit to close, in milliseconds. */
  slowedMs = 0
  /** Ends what runs for this call at the moment: an attempt, or a wait. */
  interrupt: ((reason: Error) => void) | undefined = undefined

  constructor(delivery: Delivery, trace: TraceContext, before: { readonly attempts: number; readonly deliveries: number }) {
    this.delivery = delivery
    this.trace = trace
    this.attemptsBefore = delivery.history.attempts + before.attempts
    this.number = delivery.history.deliveries + before.deliveries
  }

  cancel(reason: Error): void {
    this.interrupt?.(reason)
  }
}
