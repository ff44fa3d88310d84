import type { Pool } from 'undici'
import type { AddressState, AddressStatus, Outcome, ProbeResult, Upstream } from './service.ts'

export interface AddressOptions {
  readonly origin: string
  readonly authority: string
  readonly pool: Pool
  /** Calls that may run or wait at the same time. */
  readonly maxInFlight: number
  /** Failed calls in a row that ask for ejection; `Infinity` without passive health. */
  readonly ejectAfter: number
  /** Called at the failure that makes `ejectAfter` full, and at every further one while the address still gets calls. */
  onFailing(address: Address): void
}

/** Health as active probes see it. */
export type ProbedHealth = 'unknown' | 'healthy' | 'unhealthy'

/** One address with its pool, its counters and what is known about its health. */
export class Address implements Upstream {
  readonly origin: string
  readonly authority: string
  readonly dispatcher: Pool
  readonly maxInFlight: number
  inFlight = 0
  /** Share of the calls relative to the other addresses; SRV records set it. */
  weight = 1
  health: ProbedHealth = 'unknown'
  /** Reading of the clock until which the address gets no calls; 0 when it is not ejected. */
  ejectedUntilMs = 0
  lastProbe: ProbeResult | undefined
  readonly #ejectAfter: number
  readonly #onFailing: (address: Address) => void
  #failuresInRow = 0
  #onIdle: (() => void) | undefined
  #closed: Promise<void> | undefined

  constructor(options: AddressOptions) {
    this.origin = options.origin
    this.authority = options.authority
    this.dispatcher = options.pool
    this.maxInFlight = options.maxInFlight
    this.#ejectAfter = options.ejectAfter
    this.#onFailing = options.onFailing
  }

  begin(): void {
    this.inFlight += 1
  }

  end(outcome: Outcome): void {
    this.inFlight -= 1
    if (outcome === 'ok') this.#failuresInRow = 0
    else if (outcome === 'failed') {
      this.#failuresInRow += 1
      // The count is not reset by an ejection: after it, one more failure is enough to be ejected again.
      if (this.#failuresInRow >= this.#ejectAfter && this.ejectedUntilMs === 0) this.#onFailing(this)
    }
    if (this.inFlight === 0) this.#onIdle?.()
  }

  get usable(): boolean {
    return this.health !== 'unhealthy' && this.ejectedUntilMs === 0
  }

  status(): AddressStatus {
    const { origin, authority, inFlight, lastProbe } = this
    return { origin, authority, state: this.#state(), inFlight, ...(lastProbe === undefined ? {} : { lastProbe }) }
  }

  #state(): AddressState {
    if (this.health === 'unhealthy') return 'unhealthy'
    return this.ejectedUntilMs === 0 ? this.health : 'ejected'
  }

  /** Closes the pool once the last call has ended. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#drain()
    return this.#closed
  }

  async #drain(): Promise<void> {
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.dispatcher.close()
  }
}
