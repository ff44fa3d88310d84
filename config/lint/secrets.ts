import type { AdapterCatalogue } from '../adapters.ts'
import type { Findings } from '../diagnostics/findings.ts'
import { nearest } from '../diagnostics/nearest.ts'
import type { Interpolated } from '../source/provenance.ts'
import { below, isSecretPlace, type Place, type SecretPlaces, secretPlaces } from '../source/secret-places.ts'
import type { Tree } from '../source/tree.ts'
import { isContainer, isMapping, placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'

/** Where references to secrets are resolved; `*` stands for one key, `**` for all that is below. */
const legal: readonly (readonly string[])[] = [
  ...['token', 'key', 'username', 'password', 'client_id', 'client_secret', 'access_key_id', 'secret_access_key', 'session_token'].map((key) => [
    'integrations',
    '*',
    'auth',
    key,
  ]),
  ['integrations', '*', 'settings', '**'],
  ['integrations', '*', 'operations', '*', 'settings', '**'],
  ['alerts', '*', 'url'],
  ['alerts', '*', 'headers', '*'],
  ['state', 'url'],
  ['state', 'username'],
  ['state', 'password'],
  ['state', 'sentinel', '*'],
  ['brokers', '*', 'password'],
  ['brokers', '*', 'sasl', 'password'],
  ['messaging', 'store', 'username'],
  ['messaging', 'store', 'password'],
  ['messaging', 'store', 'sentinel', '*'],
]

/** Sections in which a text that looks like a reference could be taken for one. */
const revealed: ReadonlySet<string> = new Set(['integrations', 'alerts', 'state', 'brokers', 'messaging'])

const isLegal = (steps: readonly string[]): boolean =>
  legal.some((pattern) => {
    const open = pattern.at(-1) === '**'
    const fixed = open ? pattern.slice(0, -1) : pattern
    return (open ? steps.length > fixed.length : steps.length === fixed.length) && fixed.every((step, index) => step === '*' || step === steps[index])
  })

/** References lead somewhere and stand where they are resolved. Comes before other checks, which cannot read what is not known yet. */
export const lintReferences = (tree: Tree, findings: Findings, catalogue: AdapterCatalogue): void => {
  if (!tree.provenance.hasSecrets) return
  const places = { ...secretPlaces(catalogue, tree.root), closed: [] }
  const { secrets } = tree.root
  const names = secrets === undefined || isMapping(secrets) ? new Set(Object.keys(secrets ?? {})) : undefined
  for (const [key, value] of Object.entries(tree.root))
    if (!key.startsWith('x-')) lintBelow({ tree, findings, names, places }, value, [key], below(undefined, key))
}

interface References {
  readonly tree: Tree
  readonly findings: Findings
  /** Of all secrets; undefined when the section cannot be read. */
  readonly names: ReadonlySet<string> | undefined
  readonly places: SecretPlaces
}

const lintBelow = (references: References, value: unknown, at: readonly string[], place: Place): void => {
  if (!isContainer(value)) return
  for (const [key, item] of Object.entries(value)) {
    const steps = [...at, key]
    const inner = below(place, key)
    if (isContainer(item)) lintBelow(references, item, steps, inner)
    else lintText(references, references.tree.provenance.interpolated(value, key), steps, inner)
  }
}

const lintText = ({ tree, findings, names, places }: References, found: Interpolated | undefined, steps: readonly string[], place: Place): void => {
  if (found === undefined) return
  const pointer = pointerOf(steps)
  if (found.looksSecret && revealed.has(steps[0] ?? ''))
    findings.report('HG1019', tree.valueLocation(steps), `${placeName(steps)} holds a text that looks like a reference to a secret and is none.`, {
      hint: 'A literal `${secret:` cannot stand here: it would be taken for a reference later.',
      pointer,
    })
  for (const { name, field, location } of found.secrets) {
    if (!isLegal(steps)) {
      findings.report('HG1019', location, `${quoted(`\${secret:${name}#${field}}`)} cannot be resolved in ${placeName(steps)}.`, {
        hint: 'References to secrets may stand in `auth` and `settings` of integrations, and where servers are reached; here `${env:NAME}` may.',
        pointer,
      })
      continue
    }
    if (steps.includes('settings') && !isSecretPlace(places, place)) {
      findings.report('HG1019', location, `${placeName(steps)} takes no secret: the adapter does not mark it as one.`, {
        hint: 'Write the value, or `${env:NAME}`.',
        pointer,
      })
      continue
    }
    if (names === undefined || names.has(name)) continue
    const guess = nearest(name, names)
    findings.report('HG3030', location, `There is no secret ${quoted(name)}.`, {
      hint: guess === undefined ? 'Declare it under `secrets`.' : `Did you mean \`${guess}\`?`,
      notes: names.size === 0 ? [] : [`declared secrets: ${[...names].join(', ')}`],
      pointer,
    })
  }
}

/** Secrets that stand in the file itself, in `auth` and `settings`. */
export const lintPlainSecrets = ({ tree, findings, catalogue, providers }: LintContext): void => {
  const places = { ...secretPlaces(catalogue, tree.root), closed: [] }
  const visit = (value: unknown, steps: readonly string[], place: Place): void => {
    if (isContainer(value)) {
      for (const [key, item] of Object.entries(value)) visit(item, [...steps, key], below(place, key))
      return
    }
    const written = tree.shown(steps)?.replaceAll('$${', '') ?? ''
    if (typeof value !== 'string' || value === '' || /\$\{(?:env|secret):/.test(written) || !isSecretPlace(places, place)) return
    findings.report('HG4016', tree.keyLocation(steps), `${placeName(steps)} stands in the file.`, {
      hint: 'Take it from `${secret:NAME#FIELD}` or `${env:NAME}`.',
      pointer: pointerOf(steps),
    })
  }
  const { integrations } = tree.root
  const top = below(undefined, 'integrations')
  for (const [name, integration] of Object.entries(isMapping(integrations) ? integrations : {})) {
    if (!isMapping(integration) || !providers.has(name)) continue
    for (const key of ['auth', 'settings', 'operations']) visit(integration[key], ['integrations', name, key], below(below(top, name), key))
  }
}
