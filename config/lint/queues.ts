import type { QueueInput } from '../../schemas/messaging.ts'
import { defaultBroker, type Messaging, type PlannedQueue, subscriptions } from '../resolve/topology.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { lintExchanges } from './exchanges.ts'
import { unknownName } from './references.ts'

/** Brokers, exchanges and bindings fit together, and each queue has a name of its own. */
export const lintQueues = (context: LintContext, input: Messaging, planned: readonly PlannedQueue[]): void => {
  lintBrokerNames(context, input)
  lintExchanges(context, input, planned)
  lintMadeQueues(context, input)
  const types = new Map(planned.map(({ name, type }) => [name, type]))
  for (const [name, queue] of Object.entries(input.queues ?? {})) {
    lintBindings(context, name, types.get(name) ?? queue.type, queue)
    lintKafka(context, input, name, queue)
  }
}

/** Who names no broker gets `default`, or the only one. */
const lintBrokerNames = (context: LintContext, { brokers, queues, consumers, events }: Messaging): void => {
  const fallback = defaultBroker(Object.keys(brokers))
  const lint = (what: string, broker: string | undefined, at: Steps): void => {
    if (broker !== undefined) return void unknownName(context, 'broker', broker, [...at, 'broker'])
    if (fallback !== undefined) return
    context.findings.report('HG3024', context.tree.keyLocation(at), `${what} does not say which of the brokers it lives on.`, {
      hint: 'Add `broker`, or name one of the brokers `default`.',
      notes: [`declared brokers: ${Object.keys(brokers).join(', ')}`],
      pointer: pointerOf(at),
    })
  }
  for (const [name, { broker }] of Object.entries(queues ?? {})) lint(`The queue ${quoted(name)}`, broker, ['queues', name])
  for (const [name, { broker }] of Object.entries(events ?? {})) lint(`The event ${quoted(name)}`, broker, ['events', name])
  if (queues === undefined)
    for (const [name, { queue }] of Object.entries(consumers ?? {})) lint(`The queue ${quoted(queue)}`, undefined, ['consumers', name])
}

/** Queues and consumers that are made for subscribers have names that nobody else has. */
const lintMadeQueues = ({ tree, findings }: LintContext, { queues, consumers, events }: Messaging): void => {
  const taken = new Map<string, Steps>()
  for (const name of Object.keys(queues ?? {})) taken.set(name, ['queues', name])
  for (const name of Object.keys(consumers ?? {})) if (!taken.has(name)) taken.set(name, ['consumers', name])
  for (const { event, subscriber, input, queue } of subscriptions(events ?? {})) {
    if (input.queue !== undefined) continue
    const at = ['events', event, 'subscribers', subscriber]
    const before = taken.get(queue)
    if (before === undefined) taken.set(queue, at)
    else
      findings.report('HG3020', tree.keyLocation(at), `The queue and consumer of this subscriber would be named ${quoted(queue)}, which is taken.`, {
        hint: 'Rename one of them.',
        related: [{ message: 'taken here', location: tree.keyLocation(before) }],
        pointer: pointerOf(at),
      })
  }
}

const lintBindings = ({ tree, findings }: LintContext, name: string, type: QueueInput['type'], { bindings = [] }: QueueInput): void => {
  const at = ['queues', name, 'bindings']
  if (type === 'fanout' && bindings.length > 0) {
    findings.report('HG3017', tree.keyLocation(at), 'A `fanout` exchange gives every message to every queue; bindings choose nothing.', {
      hint: 'Remove the key, or use `type: topic`.',
      pointer: pointerOf(at),
    })
    return
  }
  bindings.forEach((binding, index) => {
    const message = bindingProblem(type, tree.shown([...at, index]) ?? binding, binding)
    if (message === undefined) return
    findings.report('HG3017', tree.valueLocation([...at, index]), message, {
      hint: type === 'direct' ? 'Use `type: topic` for patterns.' : 'Separate words with `.`, such as `payment.*`.',
      pointer: pointerOf([...at, index]),
    })
  })
}

const bindingProblem = (type: QueueInput['type'], shown: string, binding: string): string | undefined => {
  if (type === 'direct')
    return /[*#]/.test(binding) ? `${quoted(shown)} is a pattern, and a \`direct\` exchange compares routing keys as they are.` : undefined
  const odd = binding.split('.').find((word) => /[*#]/.test(word) && word.length > 1)
  return odd === undefined ? undefined : `${quoted(odd)} in ${quoted(shown)} stands for itself: \`*\` and \`#\` replace whole words only.`
}

/** What a log of partitions cannot do. */
const lintKafka = ({ tree, findings }: LintContext, { brokers }: Messaging, name: string, queue: QueueInput): void => {
  const broker = queue.broker ?? defaultBroker(Object.keys(brokers))
  if (broker === undefined || brokers[broker]?.type !== 'kafka') return
  const keys = [...(['max_length', 'max_size'] as const), ...(queue.durable ? [] : (['durable'] as const))]
  for (const key of keys) {
    const at = ['queues', name, key]
    if (tree.isWritten(at))
      findings.report(
        'HG4006',
        tree.keyLocation(at),
        `\`${key}\` has no effect on Kafka: ${key === 'durable' ? 'its topics are always kept on disk' : 'its topics are bounded by time only'}.`,
      )
  }
}
