import { queueDefaults, type MessagingFiles } from '../resolve/messaging.ts'
import { type Messaging, plannedQueues, subscriberConsumer, subscriptions } from '../resolve/topology.ts'
import type { LintContext } from './context.ts'
import { lintBrokers } from './brokers.ts'
import { type Handled, lintConsumer, lintConsumerNames, lintOrders } from './consumers.ts'
import { lintEvents } from './events.ts'
import { lintFlow } from './flow.ts'
import { lintJobStore } from './job-store.ts'
import { lintQueues } from './queues.ts'
import type { ReadFile } from './named-file.ts'

export interface LintedMessaging extends MessagingFiles {
  /** Services that messages are delivered to; undefined when that is not known. */
  readonly delivered: ReadonlySet<string> | undefined
}

/** Everything about brokers, queues, consumers and events that the schema cannot say. @param files Takes the absolute names of files that were read. */
export const lintMessaging = (context: LintContext, readFile: ReadFile, files: string[]): LintedMessaging => {
  const brokerTls = lintBrokers(context, readFile, files)
  const storeTls = lintJobStore(context, readFile, files)
  const schemas = lintEvents(context, readFile, files)
  const input = messagingOf(context)
  const queues = input && plannedQueues(input, (queue, key) => context.tree.isWritten(['queues', queue, key]), queueDefaults)
  const handled = handledOf(context)
  for (const one of handled)
    lintConsumer(
      context,
      one,
      queues?.find(({ name }) => name === one.consumer.queue),
    )
  for (const [name, consumer] of context.brokenConsumers) lintConsumerNames(context, consumer, ['consumers', name])
  if (input !== undefined && queues !== undefined) {
    lintQueues(context, input, queues)
    lintOrders(context, handled)
    lintFlow(context, input, queues, handled)
  }
  const services = handled.flatMap(({ consumer }) => consumer.deliver_to?.service ?? [])
  return { brokerTls, storeTls, schemas, delivered: context.fits('consumers') && context.fits('events') ? new Set(services) : undefined }
}

/** The four sections, when all of them fit the schema. */
const messagingOf = ({ fits, section }: LintContext): Messaging | undefined => {
  const brokers = section('brokers')
  if (brokers === undefined || !fits('queues') || !fits('consumers') || !fits('events')) return undefined
  const [queues, consumers, events] = [section('queues'), section('consumers'), section('events')]
  return { brokers, ...(queues && { queues }), ...(consumers && { consumers }), ...(events && { events }) }
}

/** Every consumer that fits the schema, those of subscribers included, and where it stands. */
const handledOf = ({ consumers, section }: LintContext): Handled[] => [
  ...[...consumers].map(([name, consumer]): Handled => {
    const at = ['consumers', name]
    return { name, consumer, at, targetAt: [...at, 'deliver_to'] }
  }),
  ...subscriptions(section('events') ?? {}).flatMap((subscription): Handled[] => {
    const at = ['events', subscription.event, 'subscribers', subscription.subscriber]
    return subscription.input.queue === undefined ? [{ name: subscription.queue, consumer: subscriberConsumer(subscription), at, targetAt: at }] : []
  }),
]
