import type { Message } from '../message.ts'

/**
 * Checks that the message is a valid event of one of the `allowed` types, names in `GatewayConfig.events`, and publishes it under its
 * type. Resolves when the broker has confirmed.
 * @throws {GatewayError} EVENT_INVALID, EVENT_SOURCE_UNDECLARED: will never be taken. Otherwise see `Broker.publish`.
 */
export type EventGate = (message: Message, allowed: readonly string[]) => Promise<void>
