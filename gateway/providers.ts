import type { GatewayConfig } from '../config/model.ts'
import type { Flows } from './flows/flows.ts'
import type { Operations } from './integrations/operation.ts'
import type { WebhookRequest } from './plugin.ts'
import type { Service } from './services/service.ts'

/** Integrations and flows of one process, and what they need: secrets, state, alerts. What is handed out always means the configuration in force. */
export interface Providers {
  readonly operations: Operations
  readonly flows: Flows
  /** @returns How many events of the webhook were new. @throws {GatewayError} WEBHOOK_REJECTED, BROKER_UNAVAILABLE, STATE_UNAVAILABLE */
  webhook(integration: string, request: WebhookRequest): Promise<number>
  /** @throws {GatewayError} SECRET_UNAVAILABLE; Error of an adapter that cannot be created */
  prepare(config: GatewayConfig, services: ReadonlyMap<string, Service>): Promise<PreparedProviders>
  drain(timeoutMs: number): Promise<void>
  close(): Promise<void>
}

export interface PreparedProviders {
  enter(): void
  /** After `enter`: gives up what is not used any more, once its calls have ended. Never rejects. */
  retire(): Promise<void>
  abandon(): Promise<void>
}
