import { defaultBroker, type Messaging, type PlannedQueue, subscriptions } from '../resolve/topology.ts'
import { pointerOf } from '../source/value.ts'
import { bindingMatches } from '../values/binding.ts'
import { quoted } from '../values/parsed.ts'
import type { Handled } from './consumers.ts'
import type { LintContext } from './context.ts'

/** Where messages go from one place to the next: no circles, and nothing that nobody uses. */
export const lintFlow = (context: LintContext, input: Messaging, queues: readonly PlannedQueue[], handled: readonly Handled[]): void => {
  const flow = new Flow(context, input, queues)
  lintCircles(context, flow, handled)
  for (const name of Object.keys(input.events ?? {})) {
    if (flow.ofEvent(name).length === 0)
      context.findings.report(
        'HG4013',
        context.tree.keyLocation(['events', name]),
        `Nobody gets the event ${quoted(name)}: what is published is kept nowhere.`,
        {
          hint: 'Add a subscriber, or bind a queue to it.',
          pointer: pointerOf(['events', name]),
        },
      )
  }
  lintUnused(context, flow, input, queues, handled)
}

/** Which queues get what is published. */
class Flow {
  readonly #input: Messaging
  readonly #queues: ReadonlyMap<string, PlannedQueue>
  readonly #byExchange: ReadonlyMap<string, readonly PlannedQueue[]>
  readonly #events: readonly string[]

  constructor({ eventNames }: LintContext, input: Messaging, queues: readonly PlannedQueue[]) {
    this.#input = input
    this.#queues = new Map(queues.map((queue) => [queue.name, queue]))
    this.#byExchange = Map.groupBy(queues, ({ broker, exchange }) => JSON.stringify([broker, exchange]))
    this.#events = [...(eventNames ?? [])]
  }

  ofQueue(name: string): readonly string[] {
    const queue = this.#queues.get(name)
    return queue === undefined ? [] : this.#reached(queue.broker, queue.exchange, name)
  }

  ofEvent(name: string): readonly string[] {
    const event = this.#input.events?.[name]
    return event === undefined ? [] : this.#reached(event.broker ?? defaultBroker(Object.keys(this.#input.brokers)), event.exchange, name)
  }

  /** @param target What a rule or consumer names. */
  of({ queue, events }: { readonly queue?: unknown; readonly events?: unknown }): readonly string[] {
    const names = Array.isArray(events) ? (events.includes('all') ? this.#events : events.map(String)) : []
    return [...(typeof queue === 'string' ? this.ofQueue(queue) : []), ...names.flatMap((name) => this.ofEvent(name))]
  }

  #reached(broker: string | undefined, exchange: string, key: string): string[] {
    const bound = this.#byExchange.get(JSON.stringify([broker, exchange])) ?? []
    return bound.filter((queue) => gets(queue, key)).map(({ name }) => name)
  }
}

const gets = ({ type, bindings }: PlannedQueue, key: string): boolean =>
  type === 'fanout' || bindings.some((binding) => (type === 'topic' ? bindingMatches(binding, key) : binding === key))

/** A message that comes back to a queue that it has left would go round for ever. */
const lintCircles = ({ tree, findings }: LintContext, flow: Flow, handled: readonly Handled[]): void => {
  const next = new Map<string, Set<string>>()
  for (const { consumer } of handled) {
    const to = next.get(consumer.queue) ?? new Set()
    for (const queue of flow.of(consumer.deliver_to ?? {})) to.add(queue)
    next.set(consumer.queue, to)
  }
  const inCircles = withoutEnds(next)
  const reported = new Set<string>()
  for (const { consumer, targetAt } of handled) {
    if (!inCircles.has(consumer.queue)) continue
    const { queue, events } = consumer.deliver_to ?? {}
    const way = flow
      .of(consumer.deliver_to ?? {})
      .map((start) => wayTo(next, start, consumer.queue))
      .find((found) => found !== undefined)
    const circle = JSON.stringify(way?.toSorted())
    if (way === undefined || (queue === undefined && events === undefined) || reported.has(circle)) continue
    reported.add(circle)
    const steps = [...targetAt, queue === undefined ? 'events' : 'queue']
    findings.report('HG3018', tree.valueLocation(steps), `Messages go in a circle: ${[consumer.queue, ...way].map(quoted).join(' to ')}.`, {
      hint: 'Deliver to another queue.',
      pointer: pointerOf(steps),
    })
  }
}

/** What is left when queues that lead nowhere are taken away, again and again: empty where there is no circle. */
const withoutEnds = (next: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> => {
  const before = new Map<string, string[]>()
  const ways = new Map<string, number>()
  for (const [from, all] of next) {
    ways.set(from, all.size)
    for (const to of all) before.set(to, [...(before.get(to) ?? []), from])
  }
  const left = new Set(next.keys())
  const ends = [...before.keys(), ...left].filter((queue) => (ways.get(queue) ?? 0) === 0)
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    left.delete(end)
    for (const from of before.get(end) ?? []) {
      const rest = (ways.get(from) ?? 0) - 1
      ways.set(from, rest)
      if (rest === 0) ends.push(from)
    }
    before.delete(end)
  }
  return left
}

/** Queues from `start` to `end`, both included; undefined where there is no way. */
const wayTo = (next: ReadonlyMap<string, ReadonlySet<string>>, start: string, end: string): string[] | undefined => {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]])
  // The map grows while it is walked: breadth first, each queue once.
  for (const at of cameFrom.keys()) {
    if (at === end) {
      const way: string[] = []
      for (let step: string | undefined = at; step !== undefined; step = cameFrom.get(step)) way.unshift(step)
      return way
    }
    for (const to of next.get(at) ?? []) if (!cameFrom.has(to)) cameFrom.set(to, at)
  }
  return undefined
}

const lintUnused = (
  context: LintContext,
  flow: Flow,
  { brokers, queues, events }: Messaging,
  planned: readonly PlannedQueue[],
  handled: readonly Handled[],
): void => {
  const { tree, findings, rawRules } = context
  const used = new Set(handled.map(({ consumer }) => consumer.queue))
  for (const { rule } of rawRules) for (const name of flow.of(rule)) used.add(name)
  for (const { consumer } of handled) for (const name of flow.of(consumer.deliver_to ?? {})) used.add(name)
  for (const name of Object.keys(events ?? {})) for (const queue of flow.ofEvent(name)) used.add(queue)
  for (const { queue } of subscriptions(events ?? {})) used.add(queue)
  for (const name of queuesOfIntegrations(context)) used.add(name)
  const report = (section: 'queues' | 'brokers', name: string, message: string): void =>
    findings.report('HG4009', tree.keyLocation([section, name]), message, { pointer: pointerOf([section, name]) })
  if (context.rulesComplete)
    for (const name of Object.keys(queues ?? {}))
      if (!used.has(name)) report('queues', name, `Nobody publishes to the queue ${quoted(name)}, and nobody takes from it.`)
  const fallback = defaultBroker(Object.keys(brokers))
  const usedBrokers = new Set([...planned.map(({ broker }) => broker), ...Object.values(events ?? {}).map(({ broker }) => broker ?? fallback)])
  // A broker whose name is misspelt elsewhere is not unused.
  if ([...usedBrokers].some((name) => name === undefined || brokers[name] === undefined)) return
  for (const name of Object.keys(brokers))
    if (tree.isWritten(['brokers', name]) && !usedBrokers.has(name))
      report('brokers', name, `No queue or event lives on the broker ${quoted(name)}, so it is not connected to.`)
}

/** Queues that failure modes and alerts put messages into. */
const queuesOfIntegrations = ({ integrations, section }: LintContext): readonly string[] => [
  ...[...integrations.values()].flatMap(({ input }) =>
    [input, ...Object.values(input.operations)]
      .flatMap((one) => Object.values(one.failure_modes).flatMap(({ queue }) => queue ?? []))
      .concat(input.queue ?? []),
  ),
  ...Object.values(section('alerts') ?? {}).flatMap((alert) => (alert.type === 'queue' ? [alert.queue] : [])),
]
