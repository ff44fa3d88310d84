import { EventEmitter } from 'node:events'
import Opossum from 'opossum'
import { GatewayError } from '../errors.ts'
import type { Call, Handler, Stage } from '../pipe.ts'
import { RollingCounts } from './rolling-counts.ts'

export interface CircuitBreakerPolicy {
  /** Failed share of the calls in the window at which the circuit opens, 0 to 100. */
  readonly thresholdPercent: number
  /** How long the circuit stays open before the trial call. */
  readonly resetTimeoutMs: number
  readonly windowMs: number
  /** Calls that must have ended within the window before the share counts. */
  readonly volume: number
}

export type CircuitState = 'closed' | 'open' | 'half_open'

/** What a protocol knows about its own outcomes. */
export interface CircuitRules<Out> {
  isFailure(result: Out): boolean
  /** Whether this error is the target's fault. Errors that are nobody's or the caller's fault count neither way. */
  countsAgainst(error: unknown): boolean
}

export interface CircuitBreakerDeps {
  /** Milliseconds on a monotonic clock. */
  now(): number
  onChange(state: CircuitState): void
}

export interface CircuitStatus {
  readonly state: CircuitState
  readonly succeeded: number
  readonly failed: number
  /** Milliseconds until the trial call; 0 unless open. */
  readonly opensForMs: number
}

type Attempt = () => Promise<unknown>

/** Carries a result that is a failure through the breaker library, which knows failures as rejections only. */
class FailedResult {
  readonly result: unknown
  constructor(result: unknown) {
    this.result = result
  }
}

/** One life of the library's breaker. Answers that belong to an earlier life change nothing any more. */
interface Epoch {
  readonly circuit: Opossum<[Attempt], unknown>
  readonly counts: RollingCounts
}

/**
 * Circuit breaker over opossum. What is added to it:
 * - counts are of calls that ENDED within the window, so that slow failures are not lost between two windows,
 *   and the threshold is reached at "equal", as people read `50%`;
 * - the half-open state starts a fresh life of the library's breaker, so that answers of calls from before the
 *   opening cannot decide for the trial call;
 * - a trial call that ended without a verdict (its client went away) hands the trial on to the next call.
 */
export class CircuitBreaker {
  readonly policy: CircuitBreakerPolicy
  readonly #deps: CircuitBreakerDeps
  readonly #countsAgainst: (error: unknown) => boolean
  /** Begins with the first call: most of many routes are quiet, and a breaker that was never asked is closed. */
  #epoch: Epoch | undefined
  #openedAtMs = 0

  constructor(policy: CircuitBreakerPolicy, countsAgainst: (error: unknown) => boolean, deps: CircuitBreakerDeps) {
    this.policy = policy
    this.#countsAgainst = countsAgainst
    this.#deps = deps
  }

  get state(): CircuitState {
    const circuit = this.#epoch?.circuit
    return circuit === undefined || circuit.closed ? 'closed' : circuit.opened ? 'open' : 'half_open'
  }

  get status(): CircuitStatus {
    const counts = this.#epoch?.counts
    return { state: this.state, succeeded: counts?.first ?? 0, failed: counts?.second ?? 0, opensForMs: this.#opensForMs() }
  }

  /** Ends timers; calls in flight end undisturbed. */
  close(): void {
    this.#epoch?.circuit.shutdown()
  }

  /**
   * @throws {GatewayError} CIRCUIT_OPEN without calling the target, while open and beside a running trial call.
   */
  stage<In, Out>(rules: CircuitRules<Out>): Stage<In, Out> {
    return (next) => (input, call) => this.#run(next, rules, input, call)
  }

  async #run<In, Out>(next: Handler<In, Out>, rules: CircuitRules<Out>, input: In, call: Call): Promise<Out> {
    this.#epoch ??= this.#life(false)
    const epoch = this.#epoch
    if (!epoch.circuit.closed && !epoch.circuit.pendingClose) throw this.#openError()
    try {
      return (await epoch.circuit.fire(() => this.#attempt(epoch, next, rules, input, call))) as Out
    } catch (error) {
      if (error instanceof FailedResult) return error.result as Out
      throw error
    }
  }

  async #attempt<In, Out>(epoch: Epoch, next: Handler<In, Out>, rules: CircuitRules<Out>, input: In, call: Call): Promise<Out> {
    let result: Out
    try {
      result = await next(input, call)
    } catch (error) {
      if (this.#countsAgainst(error)) epoch.counts.addSecond()
      else if (epoch === this.#epoch && epoch.circuit.halfOpen) this.#handOnTrial(epoch)
      throw error
    }
    if (rules.isFailure(result)) {
      epoch.counts.addSecond()
      throw new FailedResult(result)
    }
    epoch.counts.addFirst()
    return result
  }

  #handOnTrial(epoch: Epoch): void {
    this.#epoch = this.#life(true)
    epoch.circuit.shutdown()
  }

  #life(halfOpen: boolean): Epoch {
    const counts = new RollingCounts(this.policy.windowMs, this.#deps.now)
    const circuit: Opossum<[Attempt], unknown> = new Opossum((attempt: Attempt) => attempt(), {
      timeout: false, // the attempt timeout is a stage of its own
      // The library opens strictly above its threshold; a hair less makes "50 %" mean from 50 % on.
      errorThresholdPercentage: this.policy.thresholdPercent - 1e-9,
      resetTimeout: this.policy.resetTimeoutMs,
      volumeThreshold: this.policy.volume,
      errorFilter: (error: unknown) => !(error instanceof FailedResult) && !this.#countsAgainst(error),
      status: endedCalls(counts),
      enableSnapshots: false,
      ...(halfOpen ? { state: { enabled: true, closed: false, halfOpen: true } as Opossum.State } : {}),
    })
    circuit.on('open', () => {
      this.#openedAtMs = this.#deps.now()
      this.#deps.onChange('open')
    })
    circuit.on('halfOpen', () => {
      this.#epoch = this.#life(true)
      circuit.shutdown()
      this.#deps.onChange('half_open')
    })
    circuit.on('close', () => {
      if (this.#epoch?.circuit === circuit) this.#deps.onChange('closed')
    })
    return { circuit, counts }
  }

  #opensForMs(): number {
    return this.#epoch?.circuit.opened === true ? Math.max(0, this.#openedAtMs + this.policy.resetTimeoutMs - this.#deps.now()) : 0
  }

  #openError(): GatewayError {
    return new GatewayError('CIRCUIT_OPEN', { retryAfterSeconds: Math.max(1, Math.ceil(this.#opensForMs() / 1000)) })
  }
}

/** The library's statistics object, reading our counts instead of keeping its own latencies and timers. */
function endedCalls(counts: RollingCounts): Opossum.Status {
  // An own, silent rotation controller keeps the library from starting an interval timer.
  const status = Opossum.newStatus({ rotateBucketController: new EventEmitter(), enableSnapshots: false })
  return Object.defineProperties(status, {
    increment: { value: () => undefined },
    stats: { get: () => ({ fires: counts.first + counts.second, failures: counts.second }) },
  })
}
