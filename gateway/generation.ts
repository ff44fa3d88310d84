import type { GatewayConfig } from '../config/model.ts'
import type { BuiltRoutes, PolicyState } from './build.ts'
import type { Route } from './http/route.ts'
import type { MatchInput } from './http/route-table.ts'
import type { Service } from './services/service.ts'

/** One built configuration: what serves requests until the next one takes over. */
export class Generation {
  readonly number: number
  readonly config: GatewayConfig
  readonly services: ReadonlyMap<string, Service>
  readonly #built: BuiltRoutes
  #inFlight = 0
  #onIdle: (() => void) | undefined

  constructor(number: number, config: GatewayConfig, services: ReadonlyMap<string, Service>, built: BuiltRoutes) {
    this.number = number
    this.config = config
    this.services = services
    this.#built = built
  }

  get policies(): PolicyState {
    return this.#built
  }

  get routes(): readonly Route[] {
    return this.#built.routes
  }

  get inFlight(): number {
    return this.#inFlight
  }

  find(input: MatchInput): Route | undefined {
    return this.#built.table.find(input)
  }

  allowed(input: MatchInput): string[] {
    return this.#built.table.allowed(input)
  }

  enter(): void {
    this.#inFlight += 1
  }

  leave(): void {
    this.#inFlight -= 1
    if (this.#inFlight === 0) this.#onIdle?.()
  }

  /** Resolves when the last request of this generation has ended. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inFlight === 0) resolve()
      else this.#onIdle = resolve
    })
  }
}
