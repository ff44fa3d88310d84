import type { Handler } from '../../pipe.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import type { Message } from '../message.ts'
import type { FailureNote } from '../settlement.ts'

/** The innermost stage of a consumer's pipe: one attempt. */
export type Target = Handler<DeliveryCall, TargetAnswer>

/** What a target said to one attempt; targets count their attempts in `call.attempts`. */
export interface TargetAnswer {
  /** HTTP status; 202 from targets that do not speak HTTP. */
  readonly status: number
  /** `Retry-After` as it came. */
  readonly retryAfter: string | string[] | undefined
  readonly contentType: string | undefined
  /** Only where the sender of the message may ask for it, and not beyond `maxResultBytes`. */
  readonly body: Buffer | undefined
  /** Nothing is decided, and nobody is to blame: the message comes again after so many milliseconds, uncounted. */
  readonly postponeMs?: number
  /** Why it failed, where the status alone does not tell. */
  readonly failure?: FailureNote
}

/** From a target that took the message into its keeping. */
export const taken: TargetAnswer = { status: 202, retryAfter: undefined, contentType: undefined, body: undefined }

/**
 * Checks that the message is a valid event of one of the `allowed` types, names in `GatewayConfig.events`, and publishes it under its
 * type. Resolves when the broker has confirmed.
 * @throws {GatewayError} EVENT_INVALID, EVENT_SOURCE_UNDECLARED: will never be taken. Otherwise see `Broker.publish`.
 */
export type EventGate = (message: Message, allowed: readonly string[]) => Promise<void>
