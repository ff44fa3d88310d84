import { defaultBroker, type Messaging, type PlannedQueue, subscriptions } from '../resolve/topology.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

interface Declaration {
  readonly broker: string | undefined
  readonly exchange: string
  readonly type: PlannedQueue['type']
  readonly at: Steps
  /** `the queue ...`, for messages. */
  readonly who: string
}

/** An exchange has one type, whoever names it; that of an event is a topic exchange, and the queues of its subscribers are bound to it. */
export const lintExchanges = (context: LintContext, input: Messaging, planned: readonly PlannedQueue[]): void => {
  const apart = lintSubscribed(context, input, planned)
  const first = new Map<string, Declaration>()
  for (const one of declarations(context, input, planned, apart)) {
    const key = JSON.stringify([one.broker, one.exchange])
    const before = first.get(key)
    if (before === undefined) first.set(key, one)
    else if (before.type !== one.type) reportTypes(context, one, before)
  }
}

const reportTypes = ({ tree, findings }: LintContext, { exchange, type, at, who }: Declaration, before: Declaration): void =>
  findings.report('HG3016', tree.keyLocation(at), `The exchange ${quoted(exchange)} is ${type} for ${who}, and ${before.type} for ${before.who}.`, {
    hint: 'Give both the same `type`, or one another `exchange`.',
    related: [{ message: `${before.who} is here`, location: tree.keyLocation(before.at) }],
    pointer: pointerOf(at),
  })

const declarations = (
  { tree }: LintContext,
  { brokers, queues, events }: Messaging,
  planned: readonly PlannedQueue[],
  apart: ReadonlySet<string>,
): Declaration[] => {
  const placeOf = (section: string, name: string): Steps =>
    tree.isWritten([section, name, 'exchange']) ? [section, name, 'exchange'] : [section, name]
  return [
    ...planned.flatMap(({ name, broker, exchange, type }): Declaration[] =>
      queues?.[name] === undefined || apart.has(name)
        ? []
        : [{ broker, exchange, type, at: placeOf('queues', name), who: `the queue ${quoted(name)}` }],
    ),
    ...Object.entries(events ?? {}).map(([name, { broker = defaultBroker(Object.keys(brokers)), exchange }]): Declaration => {
      return { broker, exchange, type: 'topic', at: placeOf('events', name), who: `the event ${quoted(name)}` }
    }),
  ]
}

/** @returns Queues that a subscriber names and that cannot get its event. */
const lintSubscribed = ({ tree, findings }: LintContext, { brokers, events }: Messaging, planned: readonly PlannedQueue[]): ReadonlySet<string> => {
  const apart = new Set<string>()
  for (const { event, subscriber, input, queue } of subscriptions(events ?? {})) {
    const taken = input.queue === undefined ? undefined : planned.find(({ name }) => name === queue)
    const to = events?.[event]
    if (taken === undefined || to === undefined) continue
    const broker = to.broker ?? defaultBroker(Object.keys(brokers))
    const reasons = [
      ...(taken.exchange === to.exchange ? [] : [`is bound to the exchange ${quoted(taken.exchange)}, not ${quoted(to.exchange)}`]),
      ...(taken.type === 'topic' ? [] : [`is of type ${taken.type}, not topic`]),
      ...(broker === undefined || taken.broker === broker ? [] : [`does not live on the broker ${quoted(broker)}`]),
    ]
    if (reasons.length === 0) continue
    apart.add(queue)
    const at = ['events', event, 'subscribers', subscriber, 'queue']
    findings.report(
      'HG3016',
      tree.valueLocation(at),
      `The queue ${quoted(queue)} cannot get the event ${quoted(event)}: it ${reasons.join(', and ')}.`,
      {
        hint: 'Without `exchange` and `type` the queue joins the exchange of the event; both live on the same broker.',
        related: [{ message: 'the queue is here', location: tree.keyLocation(['queues', queue]) }],
        pointer: pointerOf(at),
      },
    )
  }
  return apart
}
