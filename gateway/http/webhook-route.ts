import type { RouteConfig } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'
import type { WebhookRequest } from '../plugin.ts'
import { wholeBody } from './body-intake.ts'
import { checkMethod, ownRoute } from './own-route.ts'
import type { OwnRouteDeps } from './own-route.ts'
import type { Route } from './route.ts'

export interface WebhookRouteDeps extends OwnRouteDeps {
  /**
   * Checks a webhook and publishes what it tells of, each event once.
   * @returns How many events were new.
   * @throws {GatewayError} WEBHOOK_REJECTED; BROKER_UNAVAILABLE, STATE_UNAVAILABLE: the provider is to send it again.
   */
  readonly webhook: (integration: string, request: WebhookRequest) => Promise<number>
  /** Milliseconds on a monotonic clock. */
  now(): number
}

/** No provider sends more; the rule may take less. */
const maxWebhookBytes = 4 * 1024 * 1024

/** A rule that takes the webhooks of a provider. 200 is sent only when all their events are with the broker. */
export function webhookRoute(config: RouteConfig, integration: string, deps: WebhookRouteDeps): Route {
  return ownRoute(config, deps, async (exchange) => {
    checkMethod(config, exchange.method)
    const body = await wholeBody(exchange, Math.min(config.maxBodyBytes, maxWebhookBytes), deps.now)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(exchange.req.headers)) if (value !== undefined) headers[name] = String(value)
    const request = { method: exchange.method, url: exchange.req.url ?? exchange.path, headers, body }
    const published = await deps.webhook(integration, request).catch(rejected)
    return { status: 200, headers: ['content-type', 'application/json', 'cache-control', 'no-store'], body: JSON.stringify({ received: published }) }
  })
}

/** What is wrong with a forged webhook is for the log, not for its sender. */
function rejected(error: unknown): never {
  if (error instanceof Error && error.name === 'WebhookRejected') throw new GatewayError('WEBHOOK_REJECTED', { cause: error })
  throw error
}
