import type { Steps } from '../source/tree.ts'
import { placeName, pointerOf } from '../source/value.ts'
import { readDurationMs, readPathPattern } from '../resolve/readers.ts'
import { quoted } from '../values/parsed.ts'
import { templateParams } from '../values/template.ts'
import type { LintContext, LintRule } from './context.ts'
import { lintHeaders } from './headers.ts'
import { serviceKeys } from './service-keys.ts'

/** What contradicts itself, or can have no effect, within one rule. */
export const lintRules = (context: LintContext): void => {
  for (const rule of context.rules) {
    lintRewrite(context, rule)
    lintTimes(context, rule)
    if (callsService(rule)) lintRetries(context, rule)
    lintCors(context, rule)
    lintEffects(context, rule)
    lintHeaders(context, rule)
  }
}

/** Rules for messages, operations and flows take no retries at all, which is reported where it is said. */
const callsService = ({ rule }: LintRule): boolean =>
  (['queue', 'events', 'integration', 'flow', 'webhook'] as const).every((target) => rule[target] === undefined)

const at = ({ index }: LintRule, ...more: readonly (string | number)[]): Steps => ['routing_rules', index, ...more]

const lintRewrite = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { rule } = lintRule
  const { strip_prefix: strip, rewrite, redirect, respond } = rule
  if (strip !== undefined && rewrite !== undefined) {
    findings.report('HG2024', tree.keyLocation(at(lintRule, 'rewrite')), '`rewrite` and `strip_prefix` cannot stand together.', {
      hint: 'Keep `rewrite`; it says the whole path.',
      related: [{ message: '`strip_prefix` is here', location: tree.keyLocation(at(lintRule, 'strip_prefix')) }],
    })
  }
  if (strip !== undefined) lintStrip({ tree, findings }, lintRule, strip)
  if (rewrite !== undefined) lintTemplate({ tree, findings }, lintRule, ['rewrite'], rewrite)
  if (redirect !== undefined) lintTemplate({ tree, findings }, lintRule, ['redirect', 'to'], redirect.to)
  if (respond !== undefined && Object.hasOwn(respond, 'json') && tree.isWritten(at(lintRule, 'respond', 'body'))) {
    findings.report('HG2024', tree.keyLocation(at(lintRule, 'respond', 'json')), '`json` and `body` cannot stand together.', {
      hint: 'Keep one of them.',
      related: [{ message: '`body` is here', location: tree.keyLocation(at(lintRule, 'respond', 'body')) }],
    })
  }
}

type Place = Pick<LintContext, 'tree' | 'findings'>

const lintStrip = ({ tree, findings }: Place, lintRule: LintRule, strip: string): void => {
  const { path } = lintRule.rule
  const steps = at(lintRule, 'strip_prefix')
  const shown = quoted(tree.shown(steps) ?? strip)
  const prefix = strip.replace(/\/$/, '')
  if (prefix === '' || strip !== prefix) {
    const hint = prefix === '' ? 'Remove the key.' : `Write \`${prefix}\`.`
    findings.report(
      'HG3007',
      tree.valueLocation(steps),
      prefix === '' ? 'The prefix `/` takes nothing away.' : `${shown} ends in a slash; the slash behind a prefix stays.`,
      { hint, pointer: pointerOf(steps) },
    )
  } else if (path !== prefix && !path.startsWith(`${prefix}/`)) {
    findings.report('HG3007', tree.valueLocation(steps), `${shown} is not the beginning of ${quoted(tree.shown(at(lintRule, 'path')) ?? path)}.`, {
      hint: 'It takes away whole segments that stand in `path`.',
      pointer: pointerOf(steps),
    })
  }
}

const lintTemplate = ({ tree, findings }: Place, lintRule: LintRule, keys: readonly string[], template: string): void => {
  const { segments, prefix } = readPathPattern(lintRule.rule.path)
  const names = segments.flatMap((segment) => ('param' in segment ? [segment.param] : []))
  if (prefix) names.push('rest')
  const unknown = [...new Set(templateParams(template))].filter((name) => !names.includes(name))
  if (unknown.length === 0) return
  const steps = at(lintRule, ...keys)
  const list = unknown.map((name) => quoted(`{${name}}`)).join(' or ')
  const notes = names.length === 0 ? [] : [`parameters of the path: ${names.map((name) => `{${name}}`).join(', ')}`]
  const hint = unknown.includes('rest') ? '`{rest}` is there when the path ends in `/*`.' : undefined
  findings.report('HG3008', tree.valueLocation(steps), `The path ${quoted(tree.shown(at(lintRule, 'path')) ?? lintRule.rule.path)} has no ${list}.`, {
    hint,
    notes,
    pointer: pointerOf(steps),
  })
}

const lintTimes = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { deadline, timeout, retries, service, split } = lintRule.rule
  if (deadline === undefined || (service === undefined && split === undefined) || readDurationMs(deadline) >= readDurationMs(timeout)) return
  const consequence = retries > 0 ? ', and no retry after a timeout ever happens' : ''
  const steps = at(lintRule, 'deadline')
  const written = tree.isWritten(at(lintRule, 'timeout')) ? '' : ' (default)'
  findings.report(
    'HG4004',
    tree.valueLocation(steps),
    `The deadline of \`${deadline}\` is shorter than the timeout of one attempt, \`${timeout}\`${written}: the timeout can never fire${consequence}.`,
    {
      hint: `Set \`timeout\` below \`${deadline}\`.`,
      pointer: pointerOf(steps),
    },
  )
}

const idempotent = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'PROPFIND',
  'SEARCH',
  'REPORT',
  'QUERY',
  'COPY',
  'MOVE',
  'MKCOL',
  'PROPPATCH',
  'UNLOCK',
  'ACL',
  'BIND',
  'UNBIND',
  'REBIND',
  'LINK',
  'UNLINK',
  'MKCALENDAR',
])

const lintRetries = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { retries, methods, idempotency_key: key, backoff } = lintRule.rule
  if (retries === 0) {
    for (const name of ['backoff', 'retry_budget', 'idempotency_key'] as const) {
      if (tree.isWritten(at(lintRule, name)))
        findings.report('HG4006', tree.keyLocation(at(lintRule, name)), `\`${name}\` has no effect without \`retries\`.`)
    }
    return
  }
  if (methods !== undefined && !methods.some((method) => idempotent.has(method)) && key === undefined) {
    findings.report(
      'HG4005',
      tree.keyLocation(at(lintRule, 'retries')),
      `${methods.join(' and ')} requests are not retried: a second one could do the work twice.`,
      {
        hint: 'Name the header that carries an idempotency key with `idempotency_key`, or remove `retries`.',
        pointer: pointerOf(at(lintRule, 'retries')),
      },
    )
  }
  if (readDurationMs(backoff.base_delay) > readDurationMs(backoff.max_delay)) {
    const steps = tree.isWritten(at(lintRule, 'backoff', 'base_delay')) ? at(lintRule, 'backoff', 'base_delay') : at(lintRule, 'backoff', 'max_delay')
    findings.report(
      'HG4006',
      tree.keyLocation(steps),
      `\`base_delay\` (\`${backoff.base_delay}\`) is more than \`max_delay\` (\`${backoff.max_delay}\`), so every wait is capped at the latter.`,
    )
  }
}

const lintCors = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { cors } = lintRule.rule
  if (cors === undefined) return
  const any = cors.origins.indexOf('*')
  if (any !== -1 && cors.credentials) {
    findings.report(
      'HG2024',
      tree.keyLocation(at(lintRule, 'cors', 'credentials')),
      '`credentials: true` and the origin `*` cannot stand together: any site could act for a signed-in user.',
      { hint: 'List the origins.' },
    )
  }
  if (any !== -1 && cors.origins.length > 1) {
    findings.report('HG2020', tree.valueLocation(at(lintRule, 'cors', 'origins', any)), 'The origin `*` stands for all, so it stands alone.')
  }
  cors.origins.forEach((origin, index) => {
    if (origin === '*' || isOrigin(origin)) return
    const steps = at(lintRule, 'cors', 'origins', index)
    const shown = tree.shown(steps)
    const guess = shown === undefined ? originGuess(origin) : undefined
    findings.report('HG2020', tree.valueLocation(steps), `${quoted(shown ?? origin)} is not an origin in the form that browsers send.`, {
      hint: guess === undefined ? 'Write one such as `https://app.example.com`.' : `Write \`${guess}\`.`,
      pointer: pointerOf(steps),
    })
  })
}

const isOrigin = (text: string): boolean =>
  text === 'null' ||
  (/^[a-z][a-z0-9+.-]*:\/\/[^/?#@*]+$/.test(text) && (!/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text)))

const originGuess = (text: string): string | undefined => {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`
  if (text.includes('*') || !URL.canParse(url)) return undefined
  const { origin } = new URL(url)
  return origin === 'null' ? undefined : origin
}

/** Nothing of a request is read either where the gateway answers by itself. */
const upstreamKeys = [...serviceKeys, 'max_body'] as const

const lintEffects = ({ tree, findings }: LintContext, lintRule: LintRule): void => {
  const { rule } = lintRule
  const target = rule.respond === undefined ? (rule.redirect === undefined ? undefined : 'redirect') : 'respond'
  if (target === undefined || rule.service !== undefined || rule.split !== undefined) return
  for (const key of upstreamKeys) {
    if (!tree.isWritten(at(lintRule, key))) continue
    findings.report(
      'HG4006',
      tree.keyLocation(at(lintRule, key)),
      `${placeName(at(lintRule, key))} has no effect: a rule with \`${target}\` calls no service.`,
      { pointer: pointerOf(at(lintRule, key)) },
    )
  }
}
