import { GatewayError } from '../errors.ts'
import type { CircuitBreaker, CircuitState } from '../policies/circuit-breaker.ts'
import type { Stage } from '../pipe.ts'
import type { DeliveryCall } from './consumer-call.ts'

/** How long one delivery waits in all before it goes back to the queue. */
export const patienceMs = 60_000
/** How often a waiting delivery looks for itself, should nobody call it. */
const lookMs = 1000

/**
 * Slows a consumer down while the circuit of its target is open: a delivery waits until the circuit may try again instead of being
 * burnt. At most one of those that wait is called for the trial.
 */
export interface Patience<Out> {
  /** To stand around the stage of `breaker`. @throws {GatewayError} CIRCUIT_OPEN when the patience is at its end. */
  readonly stage: Stage<DeliveryCall, Out>
  /** To be called with every change of the breaker. */
  changed(state: CircuitState): void
  /** Nobody waits from now on. */
  end(): void
}

interface PatienceDeps {
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** @param breaker Asked only after the first call. */
export function patience<Out>(breaker: () => Pick<CircuitBreaker, 'status'>, deps: PatienceDeps): Patience<Out> {
  /** Longest waiting first. */
  const waiting = new Set<() => void>()
  let ended = false

  const call = (count: number): void => {
    for (const wake of [...waiting].slice(0, count)) wake()
  }

  const wait = (input: DeliveryCall, ms: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const begunAtMs = deps.now()
      const leave = (): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        input.interrupt = undefined
        input.slowedMs += deps.now() - begunAtMs
      }
      const wake = (): void => {
        leave()
        resolve()
      }
      const timer = setTimeout(wake, ms)
      waiting.add(wake)
      input.interrupt = (reason) => {
        leave()
        reject(reason)
      }
    })

  const stage: Stage<DeliveryCall, Out> = (next) => async (input, context) => {
    for (;;) {
      try {
        const result = await next(input, context)
        // A trial may end without a verdict: then it is the turn of the next one.
        if (breaker().status.state === 'half_open') call(1)
        return result
      } catch (error) {
        const shut = error instanceof GatewayError && error.code === 'CIRCUIT_OPEN'
        if (!shut && breaker().status.state === 'half_open') call(1)
        const leftMs = patienceMs - input.slowedMs
        if (!shut || ended || context.aborted || input.delivery.lost.aborted || leftMs <= 0) throw error
        const { state, opensForMs } = breaker().status
        if (state !== 'closed') await wait(input, Math.min(leftMs, state === 'open' ? Math.max(opensForMs, lookMs) : lookMs))
      }
    }
  }

  return {
    stage,
    changed: (state) => {
      if (state === 'closed') call(Infinity)
      if (state === 'half_open') call(1)
    },
    end: () => {
      ended = true
      call(Infinity)
    },
  }
}
