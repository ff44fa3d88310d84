import type { RouteConfig } from '../../config/model.ts'
import type { Exchange } from './exchange.ts'
import type { UpgradeRequest } from './tunnel.ts'

/** A routing rule, compiled: everything that does not depend on the request was computed when it was built. */
export interface Route {
  readonly config: RouteConfig
  /** Answers the request. Never rejects: failures become answers. */
  handle(exchange: Exchange, upgrade: UpgradeRequest | undefined): Promise<void>
  /** Counts a request that has ended. @param status 499 when the client went away first. */
  finished(exchange: Exchange, status: number): void
}
