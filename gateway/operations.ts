import type { GatewayConfig } from '../config/model.ts'
import type { MessagingOperations } from './admin/backend.ts'
import type { Fleet } from './fleet.ts'
import type { DeadLetterDesk } from './messaging/dead-letter-desk.ts'

/** What the admin listener may do to queues and consumers, always by the configuration in force. */
export const operations = (fleet: Fleet, desk: DeadLetterDesk, config: () => GatewayConfig | undefined): MessagingOperations => ({
  queues: () => (config()?.queues ?? []).filter(({ deadLetter }) => deadLetter).map(({ name }) => name),
  deadLetters: (queue) => {
    const now = config()
    return now === undefined ? undefined : desk.deadLetters(now, queue)
  },
  consumers: () => fleet.consumers(),
  pause: (name) => fleet.pauseConsumer(name, true),
  resume: (name) => fleet.pauseConsumer(name, false),
})
