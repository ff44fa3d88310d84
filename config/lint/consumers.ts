import type { ValidConsumer } from '../resolve/input.ts'
import { readDurationMs } from '../resolve/readers.ts'
import type { PlannedQueue } from '../resolve/topology.ts'
import type { Steps } from '../source/tree.ts'
import { isMapping, type Mapping, placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { lintEventNames, lintOperation, unknownName } from './references.ts'
import { lintTemplate } from './templates.ts'

/** A consumer as it counts; one of `consumers`, or that of a subscriber. */
export interface Handled {
  readonly name: string
  readonly consumer: ValidConsumer
  readonly at: Steps
  /** Where the keys of its target stand. */
  readonly targetAt: Steps
}

/** @param queue The one that it takes from, when that is known. */
export const lintConsumer = (context: LintContext, handled: Handled, queue: PlannedQueue | undefined): void => {
  lintQueueName(context, handled)
  lintTarget(context, handled)
  lintPolicies(context, handled)
  if (queue !== undefined) lintAgainstQueue(context, handled, queue)
}

/** The names in a consumer that does not fit the schema: one mistake must not hide another. */
export const lintConsumerNames = (context: LintContext, { queue, deliver_to: target }: Mapping, at: Steps): void => {
  const lint = (kind: 'queue' | 'service' | 'flow', name: unknown, steps: Steps): void => {
    if (typeof name === 'string' && name !== '') unknownName(context, kind, name, steps)
  }
  lint('queue', queue, [...at, 'queue'])
  if (!isMapping(target)) return
  lint('service', target['service'], [...at, 'deliver_to', 'service'])
  lint('queue', target['queue'], [...at, 'deliver_to', 'queue'])
  lint('flow', target['flow'], [...at, 'deliver_to', 'flow'])
  const { integration, operation } = target
  if (typeof integration === 'string' && integration !== '')
    lintOperation(context, [...at, 'deliver_to'], integration, typeof operation === 'string' ? operation : undefined)
  if (Array.isArray(target['events'])) lintEventNames(context, target['events'], [...at, 'deliver_to', 'events'])
}

const lintQueueName = (context: LintContext, { consumer, at }: Handled): void => {
  const { tree, findings } = context
  if (at[0] !== 'consumers') return
  unknownName(context, 'queue', consumer.queue, [...at, 'queue'])
  if (tree.root['queues'] !== undefined) return
  findings.report(
    'HG4012',
    tree.valueLocation([...at, 'queue']),
    `The queue ${quoted(tree.shown([...at, 'queue']) ?? consumer.queue)} is not declared: it gets the defaults.`,
    {
      hint: 'Declare it under `queues`.',
      pointer: pointerOf([...at, 'queue']),
    },
  )
}

const targets = ['service', 'queue', 'events', 'integration', 'flow'] as const

/** Keys that say more about one target. */
const companions = [
  ['path', ['service']],
  ['method', ['service']],
  ['operation', ['integration']],
  ['request', ['integration', 'flow']],
] as const

const lintTarget = (context: LintContext, { name, consumer, at, targetAt }: Handled): void => {
  const { tree, findings } = context
  const { deliver_to: target } = consumer
  if (target === undefined) {
    findings.report('HG4008', tree.keyLocation(at), `The consumer ${quoted(name)} delivers to nobody, so its messages wait.`, {
      hint: 'Add `deliver_to`.',
      pointer: pointerOf(at),
    })
    return
  }
  const given = targets.filter((key) => target[key] !== undefined)
  const unclear = (steps: Steps, message: string, hint: string): void =>
    findings.report('HG3023', tree.keyLocation(steps), message, { hint, pointer: pointerOf(steps) })
  if (given.length === 0)
    unclear(
      targetAt,
      `${placeName(targetAt)} names no target.`,
      at[0] === 'events' ? 'Add `service` or `queue`.' : 'Add `service`, `queue`, `events`, `integration` or `flow`.',
    )
  const [, second] = given
  if (second !== undefined)
    unclear(
      [...targetAt, second],
      `${placeName(targetAt)} names several targets: ${given.map((key) => `\`${key}\``).join(', ')}.`,
      'Keep one of them.',
    )
  for (const [key, needs] of companions) {
    if (given.length === 1 && !needs.some((need) => given.includes(need)) && tree.isWritten([...targetAt, key]))
      findings.report(
        'HG3015',
        tree.keyLocation([...targetAt, key]),
        `\`${key}\` belongs to \`${needs.join('` and `')}\`; a \`${given[0]}\` has none.`,
        {
          pointer: pointerOf([...targetAt, key]),
        },
      )
  }
  if (target.service !== undefined && target.path === undefined)
    unclear([...targetAt, 'service'], `${placeName(targetAt)} does not say which \`path\` of the service gets the message.`, 'Add `path: /...`.')
  if (target.service !== undefined) unknownName(context, 'service', target.service, [...targetAt, 'service'])
  if (target.queue !== undefined) unknownName(context, 'queue', target.queue, [...targetAt, 'queue'])
  if (target.events !== undefined) lintEventNames(context, target.events, [...targetAt, 'events'])
  if (target.integration !== undefined) lintOperation(context, targetAt, target.integration, target.operation)
  lintTemplate(context, [...targetAt, 'request'], target.request, ['body', 'headers', 'id', 'key'])
  if (target.flow !== undefined) unknownName(context, 'flow', target.flow, [...targetAt, 'flow'])
}

const lintPolicies = ({ tree, findings }: LintContext, { consumer, at }: Handled): void => {
  const { concurrency, prefetch, retry, order_by: order } = consumer
  if (concurrency > prefetch) {
    const steps = [...at, tree.isWritten([...at, 'concurrency']) ? 'concurrency' : 'prefetch']
    findings.report(
      'HG4006',
      tree.keyLocation(steps),
      `\`concurrency\` (${concurrency}) is more than \`prefetch\` (${prefetch}): no more than that many are there to be handled.`,
    )
  }
  for (const [delays, steps] of [
    [retry, [...at, 'retry']],
    [retry.redelivery, [...at, 'retry', 'redelivery']],
  ] as const) {
    if (readDurationMs(delays.base_delay) <= readDurationMs(delays.max_delay)) continue
    const key = tree.isWritten([...steps, 'base_delay']) ? 'base_delay' : 'max_delay'
    findings.report(
      'HG4006',
      tree.keyLocation([...steps, key]),
      `\`base_delay\` (\`${delays.base_delay}\`) is more than \`max_delay\` (\`${delays.max_delay}\`), so every wait is capped at the latter.`,
    )
  }
  if (order === undefined) return
  const steps = [...at, 'order_by']
  if (order.header !== undefined && order.body !== undefined)
    findings.report('HG2024', tree.keyLocation([...steps, 'body']), '`header` and `body` cannot stand together.', {
      hint: 'Keep one of them.',
      related: [{ message: '`header` is here', location: tree.keyLocation([...steps, 'header']) }],
    })
  if (order.header === undefined && order.body === undefined)
    findings.report('HG1005', tree.keyLocation(steps), `${placeName(steps)} has neither \`header\` nor \`body\`.`, { pointer: pointerOf(steps) })
}

const lintAgainstQueue = ({ tree, findings }: LintContext, { name, consumer, at }: Handled, { declared }: PlannedQueue): void => {
  if (declared === undefined) return
  const related = (key: string): { message: string; location: ReturnType<typeof tree.keyLocation> }[] =>
    tree.isWritten(['queues', consumer.queue, key])
      ? [{ message: `\`${key}\` is here`, location: tree.keyLocation(['queues', consumer.queue, key]) }]
      : []
  if (!declared.dead_letter)
    findings.report(
      'HG4010',
      tree.valueLocation([...at, 'queue']),
      `What ${quoted(name)} cannot deliver is discarded: ${quoted(consumer.queue)} keeps no dead letters.`,
      {
        hint: 'Use `dead_letter: true` for messages that must not be lost.',
        related: related('dead_letter'),
        pointer: pointerOf([...at, 'queue']),
      },
    )
  if (readDurationMs(consumer.timeout) > readDurationMs(declared.ttl)) {
    const steps = [...at, tree.isWritten([...at, 'timeout']) ? 'timeout' : 'queue']
    findings.report(
      'HG4011',
      tree.valueLocation(steps),
      `One attempt may take \`${consumer.timeout}\`, and messages expire after \`${declared.ttl}\`.`,
      {
        hint: 'Make `timeout` of the consumer shorter than `ttl` of the queue.',
        related: related('ttl'),
        pointer: pointerOf(steps),
      },
    )
  }
}

/** Order is a matter of the queue: all its consumers keep the same one. */
export const lintOrders = ({ tree, findings }: LintContext, handled: readonly Handled[]): void => {
  const first = new Map<string, Handled>()
  for (const one of handled) {
    const before = first.get(one.consumer.queue)
    if (before === undefined) first.set(one.consumer.queue, one)
    else if (JSON.stringify(before.consumer.order_by) !== JSON.stringify(one.consumer.order_by))
      findings.report(
        'HG3019',
        tree.keyLocation(one.consumer.order_by === undefined ? one.at : [...one.at, 'order_by']),
        `${quoted(one.name)} and ${quoted(before.name)} take from the queue ${quoted(one.consumer.queue)} in different orders.`,
        {
          hint: 'Give both the same `order_by`, or none.',
          related: [{ message: `${quoted(before.name)} is here`, location: tree.keyLocation(before.at) }],
          pointer: pointerOf(one.at),
        },
      )
  }
}
