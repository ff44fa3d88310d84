import { GatewayError } from '../../errors.ts'
import type { DeliveryCall } from '../consumer-call.ts'
import type { Message } from '../message.ts'
import type { Publisher } from '../publisher.ts'
import { taken } from './target.ts'
import type { EventGate, Target } from './target.ts'

/** Hands the message on to another queue, as it is and under the same id. @throws {GatewayError} see `Broker.publish` */
export const queueTarget = (queue: string, publisher: Publisher): Target => storing((message) => publisher.toQueue(queue, message))

/** Hands the message on as an event. @throws {GatewayError} see {@link EventGate} */
export const eventsTarget = (events: readonly string[], gate: EventGate): Target => storing((message) => gate(message, events))

/** A publish cannot be called back: cut off, it may be stored or not, and the message is delivered again. */
const storing =
  (store: (message: Message) => Promise<void>): Target =>
  async (call: DeliveryCall) => {
    if (call.aborted) throw new GatewayError('CLIENT_GONE')
    call.attempts += 1
    call.sent = true
    const cut = new Promise<never>((_resolve, reject) => {
      call.interrupt = reject
    })
    try {
      await Promise.race([store(call.delivery.message), cut])
      return taken
    } finally {
      call.interrupt = undefined
    }
  }
