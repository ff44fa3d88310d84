import { readBytes } from '../resolve/readers.ts'
import { defaultBroker } from '../resolve/topology.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintRule } from './context.ts'
import { serviceKeys } from './service-keys.ts'

/** What to say of keys that rules with `queue` and `events` cannot have: nothing is called, so nothing is retried, rewritten or mirrored. */
const elsewhere: Readonly<Partial<Record<(typeof serviceKeys)[number], string>>> = {
  idempotency_key: 'Use `idempotency: { header: ... }`.',
  timeout: 'The consumer of the queue has a `timeout`.',
  retries: 'The consumer of the queue has a `retry`.',
  circuit_breaker: 'The consumer of the queue has a `circuit_breaker`.',
}

/** Rules that store messages. */
export const lintMessageRules = (context: LintContext): void => {
  for (const rule of context.rules) {
    lintKeys(context, rule)
    lintBody(context, rule)
  }
  lintStatusPath(context)
}

const at = ({ index }: LintRule, ...more: readonly (string | number)[]): Steps => ['routing_rules', index, ...more]

const lintKeys = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { rule } = lintRule
  const report = (key: string, message: string, hint: string | undefined): void =>
    findings.report('HG3015', tree.keyLocation(at(lintRule, key)), message, { hint, pointer: pointerOf(at(lintRule, key)) })
  const target = rule.queue === undefined ? (rule.events === undefined ? undefined : 'events') : 'queue'
  if (rule.idempotency !== undefined && target !== 'queue') {
    const hint =
      target === undefined
        ? 'Use `idempotency_key` to let POST requests to a service be retried.'
        : 'Events are told apart by their `source` and `id`.'
    report('idempotency', '`idempotency` belongs to rules with `queue`.', hint)
  }
  if (target === undefined || rule.service !== undefined || rule.split !== undefined) return
  for (const key of serviceKeys)
    if (tree.isWritten(at(lintRule, key)))
      report(key, `\`${key}\` does not fit a rule with \`${target}\`: the message is stored, and no service is called.`, elsewhere[key])
}

const lintBody = ({ tree, findings, section, eventNames }: LintContext, lintRule: LintRule): void => {
  const { rule } = lintRule
  const brokers = section('brokers')
  if (brokers === undefined || !tree.isWritten(at(lintRule, 'max_body'))) return
  const [queues, events] = [section('queues') ?? {}, section('events') ?? {}]
  const named = rule.events?.includes('all') === true ? [...(eventNames ?? [])] : (rule.events ?? [])
  const targets = [...(rule.queue === undefined ? [] : [queues[rule.queue]]), ...named.map((name) => events[name])]
  for (const target of targets) {
    const name = target?.broker ?? defaultBroker(Object.keys(brokers)) ?? ''
    const broker = brokers[name]
    if (broker === undefined || readBytes(rule.max_body) <= readBytes(broker.max_message_size)) continue
    const steps = at(lintRule, 'max_body')
    findings.report('HG3021', tree.valueLocation(steps), `The broker ${quoted(name)} takes messages of \`${broker.max_message_size}\` at most.`, {
      hint: 'Make `max_body` smaller, or `max_message_size` of the broker larger.',
      related: tree.isWritten(['brokers', name, 'max_message_size'])
        ? [{ message: '`max_message_size` is here', location: tree.keyLocation(['brokers', name, 'max_message_size']) }]
        : [],
      pointer: pointerOf(steps),
    })
    return
  }
}

/** Clients ask there how their message goes; rules that are less specific, such as `/*`, do not come in between. */
const lintStatusPath = ({ tree, findings, section, rules }: LintContext): void => {
  const status = section('messaging')?.status_path.replace(/\/$/, '')
  if (status === undefined) return
  if (status === '') {
    findings.report('HG3022', tree.valueLocation(['messaging', 'status_path']), 'The status of messages cannot take the whole path space.', {
      hint: 'Write a path such as `/-/messages`.',
      pointer: '/messaging/status_path',
    })
    return
  }
  for (const lintRule of rules) {
    const path = lintRule.rule.path.replace(/\/\*$/, '')
    if (path !== status && !path.startsWith(`${status}/`)) continue
    const steps = at(lintRule, 'path')
    findings.report(
      'HG3022',
      tree.valueLocation(steps),
      `${quoted(tree.shown(steps) ?? lintRule.rule.path)} lies where the status of messages is served.`,
      {
        hint: 'Change the path, or `messaging.status_path`.',
        notes: [`status_path: ${status}`],
        pointer: pointerOf(steps),
      },
    )
  }
}
