import { integration } from '../../schemas/integrations.ts'
import type { AdapterCatalogue, AdapterDescription } from '../adapters.ts'
import { rootSchema, type SchemaNode } from '../validate/schema-node.ts'
import { isMapping, type Mapping } from './value.ts'

/** Steps to a value; `*` for any key or item, a final `**` for all that is below. */
export type Pattern = readonly string[]

/** Which values are never shown. */
export interface SecretPlaces {
  readonly patterns: readonly Pattern[]
  /** Maps in which every key that nobody knows is secret: it is probably one that was misspelt. */
  readonly closed: readonly { readonly at: Pattern; readonly known: ReadonlySet<string> }[]
  /** Keys that are secret wherever they stand: no key of this name is anything else. */
  readonly names: ReadonlySet<string>
  /** The last keys of all patterns, for texts whose structure cannot be trusted. */
  readonly suspects: ReadonlySet<string>
}

/** Where `writeOnly` stands in a schema. */
const secretPatterns = (node: SchemaNode, at: Pattern = []): Pattern[] => {
  if (node.writeOnly === true) return [at]
  return [
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) => secretPatterns(child, [...at, name])),
    ...(typeof node.additionalProperties === 'object' ? secretPatterns(node.additionalProperties, [...at, '*']) : []),
    ...(node.items ? secretPatterns(node.items, [...at, '*']) : []),
    ...[...(node.anyOf ?? []), ...nodes(node['oneOf']), ...nodes(node.allOf)].flatMap((child) => secretPatterns(child, at)),
  ]
}

const nodes = (value: unknown): SchemaNode[] => (Array.isArray(value) ? value.filter(isMapping) : [])

const openNames = (node: SchemaNode, found: Set<string>): Set<string> => {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    if (child.writeOnly !== true) found.add(name)
    openNames(child, found)
  }
  for (const child of [node.additionalProperties, node.items, ...(node.anyOf ?? [])]) if (typeof child === 'object') openNames(child, found)
  return found
}

const ownPatterns = secretPatterns(rootSchema)
const shownNames: ReadonlySet<string> = openNames(rootSchema, new Set())

/** @param root The configuration, where it could be made out: settings of adapters have secrets of their own. */
export const secretPlaces = ({ adapters }: AdapterCatalogue, root: Mapping | undefined): SecretPlaces => {
  const patterns = [...ownPatterns, ...(root === undefined ? unknownSettings('*') : settingsPatterns(adapters, root))]
  const last = patterns.map((pattern) => pattern.at(-1) ?? '').filter((name) => !name.startsWith('*'))
  const closed = [{ at: ['integrations', '*', 'auth'], known: authKeys }, ...(root === undefined ? [] : closedSettings(adapters, root))]
  return { patterns, closed, names: new Set(last.filter((name) => !shownNames.has(name))), suspects: new Set(last) }
}

const authKeys: ReadonlySet<string> = new Set(
  (integration.properties.auth.anyOf as readonly SchemaNode[]).flatMap(({ properties }) => Object.keys(properties ?? {})),
)

const closedSettings = (adapters: AdapterCatalogue['adapters'], root: Mapping): SecretPlaces['closed'] =>
  integrationsOf(adapters, root).flatMap(({ name, adapter }) => {
    const known = new Set(Object.keys(isMapping(adapter?.settings['properties']) ? adapter.settings['properties'] : {}))
    return adapter === undefined ? [] : [{ at: ['integrations', name, 'settings'], known }]
  })

const integrationsOf = (
  adapters: AdapterCatalogue['adapters'],
  { integrations }: Mapping,
): readonly { readonly name: string; readonly adapter: AdapterDescription | undefined }[] =>
  Object.entries(isMapping(integrations) ? integrations : {}).map(([name, one]) => ({
    name,
    adapter: isMapping(one) && typeof one['plugin'] === 'string' ? adapters.get(one['plugin']) : undefined,
  }))

/** Settings of which nothing is known are secret as a whole. */
const unknownSettings = (name: string): Pattern[] => [
  ['integrations', name, 'settings', '**'],
  ['integrations', name, 'operations', '*', 'settings', '**'],
]

const settingsPatterns = (adapters: AdapterCatalogue['adapters'], root: Mapping): Pattern[] =>
  integrationsOf(adapters, root).flatMap(({ name, adapter }) => {
    if (adapter === undefined) return unknownSettings(name)
    return [
      ...secretPatterns(adapter.settings, ['integrations', name, 'settings']),
      ...(adapter.declared ? secretPatterns(adapter.declared.settings, ['integrations', name, 'operations', '*', 'settings']) : []),
    ]
  })

/** A place, as a list from its end to the root, so that walking down makes no copies. */
export interface Place {
  readonly key: string
  readonly parent: Place | undefined
  readonly depth: number
}

export const below = (parent: Place | undefined, key: string): Place => ({ key, parent, depth: (parent?.depth ?? 0) + 1 })

export const isSecretPlace = ({ patterns, closed, names }: SecretPlaces, place: Place): boolean =>
  names.has(place.key) ||
  patterns.some((pattern) => covers(pattern, place)) ||
  closed.some(({ at, known }) => place.depth === at.length + 1 && place.parent !== undefined && covers(at, place.parent) && !known.has(place.key))

const covers = (pattern: Pattern, place: Place): boolean => {
  const open = pattern.at(-1) === '**'
  const length = open ? pattern.length - 1 : pattern.length
  if (open ? place.depth <= length : place.depth !== length) return false
  let at: Place | undefined = place
  for (; at !== undefined && at.depth > length; at = at.parent);
  for (; at !== undefined; at = at.parent) if (pattern[at.depth - 1] !== '*' && pattern[at.depth - 1] !== at.key) return false
  return true
}
