import type { Message } from '../message.ts'
import type { Publisher } from '../publisher.ts'
import { cuttable } from './cuttable.ts'
import { taken } from './target.ts'
import type { EventGate, Target } from './target.ts'

/** Hands the message on to another queue, as it is and under the same id. @throws {GatewayError} see `Broker.publish` */
export const queueTarget = (queue: string, publisher: Publisher): Target => storing((message) => publisher.toQueue(queue, message))

/** Hands the message on as an event. @throws {GatewayError} see {@link EventGate} */
export const eventsTarget = (events: readonly string[], gate: EventGate): Target => storing((message) => gate(message, events))

const storing = (store: (message: Message) => Promise<void>): Target =>
  cuttable(async ({ delivery }) => {
    await store(delivery.message)
    return taken
  })
