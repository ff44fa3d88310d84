import type { Steps } from '../source/tree.ts'
import { pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext, LintRule } from './context.ts'

/** They frame the message or belong to one connection; changing them could let one request be read as two. */
const protectedNames = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'expect',
  'proxy-connection',
])

export const lintHeaders = (context: LintContext, { index, rule }: LintRule): void => {
  const at: Steps = ['routing_rules', index]
  for (const side of ['request_headers', 'response_headers'] as const) {
    const edits = rule[side]
    if (edits === undefined) continue
    for (const action of ['set', 'add'] as const) lintNames(context, [...at, side, action], edits[action])
    edits.remove?.forEach((name, position) =>
      lintName(context, name, context.tree.valueLocation([...at, side, 'remove', position]), [...at, side, 'remove', position]),
    )
    lintBoth(context, [...at, side], edits)
  }
  lintNames(context, [...at, 'respond', 'headers'], rule.respond?.headers)
  lintTwice(context, [...at, 'headers'], rule.headers)
  for (const [name, value] of Object.entries(rule.headers ?? {})) lintMatch(context, [...at, 'headers', name], name, value)
}

const lintNames = (context: LintContext, at: Steps, headers: Readonly<Record<string, string>> | undefined): void => {
  lintTwice(context, at, headers)
  for (const name of Object.keys(headers ?? {})) lintName(context, name, context.tree.keyLocation([...at, name]), [...at, name])
}

const lintName = ({ findings }: LintContext, name: string, location: ReturnType<LintContext['tree']['keyLocation']>, at: Steps): void => {
  if (!protectedNames.has(name.toLowerCase())) return
  const hint = name.toLowerCase() === 'host' ? 'Use `host_header` of the service.' : undefined
  findings.report('HG2019', location, `${quoted(name)} frames the message or belongs to one connection; only the gateway sets it.`, {
    hint,
    pointer: pointerOf(at),
  })
}

const lintTwice = ({ tree, findings }: LintContext, at: Steps, headers: Readonly<Record<string, string>> | undefined): void => {
  const first = new Map<string, string>()
  for (const name of Object.keys(headers ?? {})) {
    const before = first.get(name.toLowerCase())
    if (before === undefined) first.set(name.toLowerCase(), name)
    else {
      findings.report('HG2018', tree.keyLocation([...at, name]), `${quoted(name)} and ${quoted(before)} are the same header.`, {
        related: [{ message: 'first here', location: tree.keyLocation([...at, before]) }],
        pointer: pointerOf([...at, name]),
      })
    }
  }
}

interface Edits {
  readonly set?: Readonly<Record<string, string>>
  readonly add?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

/** Setting and removing one header contradicts itself. */
const lintBoth = ({ tree, findings }: LintContext, at: Steps, { set, add, remove }: Edits): void => {
  const given = new Set([...Object.keys(set ?? {}), ...Object.keys(add ?? {})].map((name) => name.toLowerCase()))
  remove?.forEach((name, position) => {
    if (given.has(name.toLowerCase()))
      findings.report('HG2024', tree.valueLocation([...at, 'remove', position]), `${quoted(name)} is both given and removed.`, {
        hint: '`set` replaces what was there; `remove` is not needed.',
      })
  })
}

/** Header values arrive without space around them and without control characters. */
const lintMatch = ({ tree, findings }: LintContext, at: Steps, name: string, value: string): void => {
  if (value === value.trim() && !/[\0-\x08\x0a-\x1f\x7f]/.test(value) && !/[^\0-\xff]/.test(value)) return
  const shown = quoted(tree.shown(at) ?? value)
  findings.report(
    'HG4003',
    tree.valueLocation(at),
    `No request can have ${shown} as its ${quoted(name)} header: values arrive trimmed, and in Latin-1.`,
    {
      hint: tree.shown(at) === undefined && value !== value.trim() ? `Write \`${value.trim()}\`.` : undefined,
      pointer: pointerOf(at),
    },
  )
}
