import type { EventConfig, QueueConfig, RouteConfig } from '../../config/model.ts'
import { eventIntake } from '../messaging/events/event-gate.ts'
import type { Publisher } from '../messaging/publisher.ts'
import { messageIntake } from './message-intake.ts'
import type { MessageIntakeDeps } from './message-intake.ts'
import { checkMethod, ownRoute } from './own-route.ts'
import type { OwnRouteDeps } from './own-route.ts'
import type { Route } from './route.ts'

export interface EventsRouteDeps extends OwnRouteDeps, MessageIntakeDeps {
  readonly publisher: Publisher
  /** All events of the configuration. */
  readonly events: readonly EventConfig[]
  /** All queues of the configuration. */
  readonly queues: readonly QueueConfig[]
}

/**
 * A rule that takes CloudEvents, one or a batch, and answers 202 when the broker has confirmed all of them. Events that come twice are
 * published twice: subscribers know them again by source and id.
 */
export function eventsRoute(config: RouteConfig, deps: EventsRouteDeps): Route {
  const { target } = config
  if (target.type !== 'events') throw new TypeError(`${config.origin}: does not take events`)
  const taken = deps.events.filter(({ name }) => target.events.includes(name))
  const accept = eventIntake(taken, (event, message) => deps.publisher.event(event, message), deps.queues)
  const intake = messageIntake(config, [], deps)
  return ownRoute(config, deps, async (exchange) => {
    checkMethod(config, exchange.method)
    const ids = await accept(await intake(exchange), target.events)
    const headers = ['content-type', 'application/json', 'cache-control', 'no-store']
    return { status: 202, headers, body: JSON.stringify({ accepted: ids.length, ids }) }
  })
}
