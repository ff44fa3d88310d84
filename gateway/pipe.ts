/**
 * One pipe for everything: a request, a delivery and a provider call run through stages that are
 * composed once, when a route, consumer or operation is built.
 */
export type Handler<In, Out> = (input: In, call: Call) => Promise<Out>
export type Stage<In, Out> = (next: Handler<In, Out>) => Handler<In, Out>

/** What the stages of one call share. */
export interface Call {
  /** Milliseconds on the monotonic clock at which the call must have ended; `Infinity` for none. */
  deadlineAtMs: number
  /** Attempts made so far, the first included. */
  attempts: number
  /** True once the caller has gone: nothing may be retried, nothing counts against the target. */
  aborted: boolean
  /** Cancels whatever currently runs for this call; set by the target, called when the caller goes away. */
  cancel: (() => void) | undefined
}

/** Puts `stages` around `target`, the first one outermost. Stages that are not configured are left out by the caller. */
export const compose = <In, Out>(stages: readonly (Stage<In, Out> | undefined)[], target: Handler<In, Out>): Handler<In, Out> =>
  stages.reduceRight<Handler<In, Out>>((next, stage) => (stage === undefined ? next : stage(next)), target)
