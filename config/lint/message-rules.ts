import { readBytes } from '../resolve/readers.ts'
import { defaultBroker } from '../resolve/topology.ts'
import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintRule } from './context.ts'
import { serviceKeys } from './service-keys.ts'
import { lintTemplate } from './templates.ts'

type ServiceKey = (typeof serviceKeys)[number]
type Hints = Readonly<Partial<Record<ServiceKey, string>>>

interface TargetKeys {
  /** Why keys about calling a service do not fit. */
  readonly because: string
  /** Where to say instead what they mean. */
  readonly elsewhere: Hints
  /** Service keys that fit all the same. */
  readonly fitting?: readonly ServiceKey[]
}

const stored: TargetKeys = {
  because: 'the message is stored, and no service is called',
  elsewhere: {
    idempotency_key: 'Use `idempotency: { header: ... }`.',
    timeout: 'The consumer of the queue has a `timeout`.',
    retries: 'The consumer of the queue has a `retry`.',
    circuit_breaker: 'The consumer of the queue has a `circuit_breaker`.',
  },
}

/** Targets other than services. */
const targets = {
  queue: stored,
  events: stored,
  integration: {
    because: 'the integration says how it is called',
    elsewhere: {
      idempotency_key: 'Use `idempotency: { header: ... }`.',
      timeout: 'The integration and its operations have a `timeout`.',
      retries: 'The integration has a `retry`.',
      backoff: 'The integration has a `retry`.',
      circuit_breaker: 'The integration has a `circuit_breaker`.',
    },
    fitting: ['deadline'],
  },
  flow: {
    because: 'its steps say what is called and how',
    elsewhere: {
      idempotency_key: 'Use `idempotency: { header: ... }`.',
      timeout: 'Each step has a `timeout`, and the flow a `wait`.',
      deadline: 'The flow has a `deadline` and a `wait`.',
      retries: 'Each step has a `retry`.',
      backoff: 'Each step has a `retry`.',
    },
  },
  webhook: { because: 'what comes in is checked and published, and no service is called', elsewhere: {} },
} as const satisfies Readonly<Record<string, TargetKeys>>

type Target = keyof typeof targets

/** Keys that belong to some targets only, and what to say of them at others. */
const owned = {
  idempotency: {
    targets: ['queue', 'integration', 'flow'],
    service: 'Use `idempotency_key` to let POST requests to a service be retried.',
    events: 'Events are told apart by their `source` and `id`.',
  },
  operation: { targets: ['integration'], service: undefined, events: undefined },
  request: {
    targets: ['integration', 'flow'],
    service: 'Requests to a service are passed on; see `rewrite` and `request_headers`.',
    events: undefined,
  },
  response: { targets: ['integration', 'flow'], service: 'Answers of a service are passed on; see `response_headers`.', events: undefined },
} as const satisfies Readonly<
  Record<string, { readonly targets: readonly Target[]; readonly service: string | undefined; readonly events: string | undefined }>
>

/** Rules whose target is no service. */
export const lintMessageRules = (context: LintContext): void => {
  for (const rule of context.rules) {
    lintKeys(context, rule)
    lintTemplates(context, rule)
    lintBody(context, rule)
  }
  lintStatusPath(context)
}

const at = ({ index }: LintRule, ...more: readonly (string | number)[]): Steps => ['routing_rules', index, ...more]

const lintKeys = (context: LintContext, lintRule: LintRule): void => {
  const { tree, findings } = context
  const { rule } = lintRule
  const report = (key: string, message: string, hint: string | undefined): void =>
    findings.report('HG3015', tree.keyLocation(at(lintRule, key)), message, { hint, pointer: pointerOf(at(lintRule, key)) })
  const target = targetNames.find((name) => rule[name] !== undefined)
  for (const [key, owner] of ownedKeys) {
    if (rule[key] === undefined || owner.targets.some((name) => name === target)) continue
    const names = owner.targets.map((name) => `\`${name}\``)
    const list = names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
    report(key, `\`${key}\` belongs to rules with ${list}.`, target === undefined ? owner.service : target === 'events' ? owner.events : undefined)
  }
  if (target === undefined || rule.service !== undefined || rule.split !== undefined) return
  const { because, elsewhere, fitting = [] }: TargetKeys = targets[target]
  for (const key of serviceKeys)
    if (tree.isWritten(at(lintRule, key)) && !fitting.includes(key))
      report(key, `\`${key}\` does not fit a rule with \`${target}\`: ${because}.`, elsewhere[key])
}

const targetNames = Object.keys(targets) as Target[]
const ownedKeys = Object.entries(owned) as [
  keyof typeof owned,
  { readonly targets: readonly Target[]; readonly service?: string; readonly events?: string },
][]

const lintTemplates = (context: LintContext, lintRule: LintRule): void => {
  const { request, response } = lintRule.rule
  lintTemplate(context, at(lintRule, 'request'), request, ['body', 'params', 'query', 'headers', 'key'])
  lintTemplate(context, at(lintRule, 'response', 'body'), response?.body, ['output', 'input'])
  for (const [name, value] of Object.entries(response?.headers ?? {}))
    lintTemplate(context, at(lintRule, 'response', 'headers', name), value, ['output', 'input'])
}

const lintBody = ({ tree, findings, section, eventNames }: LintContext, lintRule: LintRule): void => {
  const { rule } = lintRule
  const brokers = section('brokers')
  if (brokers === undefined || !tree.isWritten(at(lintRule, 'max_body'))) return
  const [queues, events] = [section('queues') ?? {}, section('events') ?? {}]
  const named = rule.events?.includes('all') === true ? [...(eventNames ?? [])] : (rule.events ?? [])
  const published = [...(rule.queue === undefined ? [] : [queues[rule.queue]]), ...named.map((name) => events[name])]
  for (const target of published) {
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
