/**
 * One pipe for everything: a request, a delivery and a provider call run through stages that are
 * composed once, when a route, consumer or operation is built.
 */
export type Handler<In, Out> = (input: In, call: Call) => Promise<Out>
export type Stage<In, Out> = (next: Handler<In, Out>) => Handler<In, Out>

/** What the stages of one call share. */
export interface Call {
  /** Milliseconds on the monotonic clock at which the call must have ended; `Infinity` for none. */
  readonly deadlineAtMs: number
  /** Attempts made so far, the running one included. */
  attempts: number
  /** True once the caller has gone: nothing may be retried, nothing counts against the target. */
  aborted: boolean
  /** Whether the running attempt may have reached the target. */
  sent: boolean
  /**
   * Milliseconds on the monotonic clock at which a piece of the request was last passed on; `-Infinity` when it was never
   * streamed. The attempt timeout bounds waiting, and a body under way is not waiting.
   */
  readonly progressAtMs: number
  /** Ends whatever currently runs for this call (an attempt, a wait) with this error. */
  cancel(reason: Error): void
}

/** Puts `stages` around `target`, the first one outermost; a stage that is not configured is `undefined` and costs nothing. */
export const compose = <In, Out>(stages: readonly (Stage<In, Out> | undefined)[], target: Handler<In, Out>): Handler<In, Out> =>
  stages.reduceRight<Handler<In, Out>>((next, stage) => (stage === undefined ? next : stage(next)), target)
