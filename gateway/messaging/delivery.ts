import type { Message } from './message.ts'
import type { Settlement } from './settlement.ts'

/** What is known of a message's way so far. */
export interface DeliveryHistory {
  /** Deliveries, this one included; counted from 1. As exact as the broker allows, see docs/messaging.md. */
  readonly deliveries: number
  /** Deliveries that were settled as `retry`. */
  readonly failures: number
  /** Attempts made in earlier deliveries. */
  readonly attempts: number
  /** Milliseconds since the epoch; undefined before the first failure. */
  readonly firstFailedAtMs: number | undefined
}

/** One message, handed to one consumer, until it is settled. */
export interface Delivery {
  readonly message: Message
  readonly queue: string
  readonly history: DeliveryHistory
  /** Aborted when the broker has taken the delivery back (lost connection, expired lease): its effect may happen twice. */
  readonly lost: AbortSignal
  /**
   * Resolves when the broker has stored the outcome; for `retry` and `dead_letter` the new copy is confirmed before the
   * old one is acknowledged. A second call is a fault of the caller and rejects.
   * @throws {GatewayError} BROKER_UNAVAILABLE: not settled; the broker will deliver the message again.
   */
  settle(settlement: Settlement): Promise<void>
}
