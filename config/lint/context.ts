import type { Findings } from '../diagnostics/findings.ts'
import { boundedNearest } from '../diagnostics/nearest.ts'
import type { AdapterCatalogue } from '../adapters.ts'
import type { Provider, Providers } from '../providers.ts'
import type { ValidConsumer, ValidFlow, ValidInput, ValidIntegration, ValidRule, ValidService } from '../resolve/input.ts'
import type { Tree } from '../source/tree.ts'
import { isMapping, type Mapping, pointerOf, pointerSteps } from '../source/value.ts'

export interface LintRule {
  readonly index: number
  readonly rule: ValidRule
}

/** A rule of which nothing is known but that it is a map. */
export interface RawRule {
  readonly index: number
  readonly rule: Mapping
  /** True when the rule has keys that nobody knows: then a key that seems to be missing is probably one of them. */
  readonly misspelt: boolean
}

/** What is known of adapters. */
export type Adapters = Pick<LintContext, 'catalogue' | 'providers'>

export interface LintIntegration {
  readonly input: ValidIntegration
  readonly provider: Provider
}

/** What can be linted although other parts do not fit the schema. */
export interface LintContext {
  readonly tree: Tree
  readonly findings: Findings
  /** Rules that fit the schema. */
  readonly rules: readonly LintRule[]
  /** All rules that are maps. */
  readonly rawRules: readonly RawRule[]
  /** Whether every rule is among `rules` and has only known keys. */
  readonly rulesComplete: boolean
  readonly services: ReadonlyMap<string, ValidService>
  readonly misspeltServices: ReadonlySet<string>
  /** Those of `consumers` that fit the schema. */
  readonly consumers: ReadonlyMap<string, ValidConsumer>
  /** Those of which nothing is known but that they are maps. */
  readonly brokenConsumers: ReadonlyMap<string, Mapping>
  /** Names of all services, also of those that do not fit the schema; undefined when the section cannot be read. */
  readonly serviceNames: ReadonlySet<string> | undefined
  /** Suggests a name, as long as that stays cheap. */
  readonly suggest: ReturnType<typeof boundedNearest>
  /** Names of all events, also of those that do not fit the schema; undefined when the section cannot be read. */
  readonly eventNames: ReadonlySet<string> | undefined
  readonly brokerNames: ReadonlySet<string> | undefined
  /** Declared ones, those of subscribers, and without `queues` those that consumers name. */
  readonly queueNames: ReadonlySet<string> | undefined
  readonly integrationNames: ReadonlySet<string> | undefined
  readonly flowNames: ReadonlySet<string> | undefined
  readonly alertNames: ReadonlySet<string> | undefined
  /** Those of `integrations` that fit the schema and the adapter, with their adapter. */
  readonly integrations: ReadonlyMap<string, LintIntegration>
  readonly flows: ReadonlyMap<string, ValidFlow>
  readonly catalogue: AdapterCatalogue
  /** Also of integrations that do not fit the schema. */
  readonly providers: Providers
  /** Whether a section is absent or fits the schema. */
  fits(name: keyof ValidInput): boolean
  /** One section, when it fits the schema. */
  section<Name extends keyof ValidInput>(name: Name): ValidInput[Name] | undefined
}

export const lintContext = (tree: Tree, findings: Findings, { catalogue, providers }: Adapters): LintContext => {
  const { bad, misspelt } = badPlaces(findings)
  const usable = (value: unknown, pointer: string): boolean => isMapping(value) && !bad.has(pointer) && !tree.provenance.hasBroken(value)
  const { routing_rules: allRules, services: rawServices, consumers: rawConsumers } = tree.root
  const rules: LintRule[] = []
  const rawRules: RawRule[] = []
  if (Array.isArray(allRules)) {
    allRules.forEach((rule: unknown, index) => {
      const pointer = pointerOf(['routing_rules', index])
      if (isMapping(rule)) rawRules.push({ index, rule, misspelt: misspelt.has(pointer) })
      if (usable(rule, pointer)) rules.push({ index, rule: rule as ValidRule })
    })
  }
  const usableIn = (section: unknown, key: string): [string, Mapping][] =>
    mappingsIn(section).filter(([name, value]) => usable(value, pointerOf([key, name])))
  const services = new Map(usableIn(rawServices, 'services') as [string, ValidService][])
  const consumers = new Map(usableIn(rawConsumers, 'consumers') as [string, ValidConsumer][])
  const fits = (name: keyof ValidInput): boolean => {
    const hasBad = [...bad].some((pointer) => pointerSteps(pointer)[0] === name)
    return !hasBad && !tree.isBroken([name]) && !tree.provenance.hasBroken(tree.root[name])
  }
  return {
    tree,
    findings,
    rules,
    rawRules,
    rulesComplete:
      (allRules === undefined || (Array.isArray(allRules) && allRules.length === rules.length)) && rawRules.every((rule) => !rule.misspelt),
    services,
    consumers,
    brokenConsumers: new Map(mappingsIn(rawConsumers).filter(([name]) => !consumers.has(name))),
    misspeltServices: new Set(
      [...misspelt].map(pointerSteps).flatMap(([section, name]) => (section === 'services' && name !== undefined ? [name] : [])),
    ),
    suggest: boundedNearest(),
    serviceNames: namesIn(rawServices),
    eventNames: namesIn(tree.root['events']),
    brokerNames: namesIn(tree.root['brokers']),
    queueNames: queueNames(tree.root),
    integrationNames: namesIn(tree.root['integrations']),
    flowNames: namesIn(tree.root['flows']),
    alertNames: namesIn(tree.root['alerts']),
    integrations: new Map(
      (usableIn(tree.root['integrations'], 'integrations') as unknown as [string, ValidIntegration][]).flatMap(([name, input]) => {
        const provider = providers.get(name)
        return provider === undefined ? [] : [[name, { input, provider }]]
      }),
    ),
    flows: new Map(usableIn(tree.root['flows'], 'flows') as [string, ValidFlow][]),
    catalogue,
    providers,
    fits,
    section: (name) => (fits(name) ? (tree.root[name] as ValidInput[typeof name]) : undefined),
  }
}

const mappingsIn = (section: unknown): [string, Mapping][] =>
  isMapping(section) ? Object.entries(section).flatMap(([name, value]) => (isMapping(value) ? [[name, value]] : [])) : []

/** Undefined for what is no map. */
const namesIn = (section: unknown): ReadonlySet<string> | undefined =>
  section === undefined || isMapping(section) ? new Set(Object.keys(section ?? {})) : undefined

const queueNames = ({ queues, consumers, events }: Mapping): ReadonlySet<string> | undefined => {
  const declared = namesIn(queues)
  if (declared === undefined) return undefined
  const names = new Set(declared)
  for (const [event, { subscribers }] of mappingsIn(events))
    for (const [subscriber, { queue }] of mappingsIn(subscribers)) if (queue === undefined) names.add(`${event}.${subscriber}`)
  if (queues === undefined) for (const [, { queue }] of mappingsIn(consumers)) if (typeof queue === 'string') names.add(queue)
  return names
}

/** Sections, and the entries directly in them, that have errors or unknown keys. */
const badPlaces = (findings: Findings): { bad: Set<string>; misspelt: Set<string> } => {
  const bad = new Set([...findings.unusable].map((pointer) => pointerOf(pointerSteps(pointer).slice(0, 2))))
  const misspelt = new Set<string>()
  for (const { code, severity, pointer } of findings) {
    if (pointer === undefined || severity === 'warning') continue
    const place = pointerOf(pointerSteps(pointer).slice(0, 2))
    if (code === 'HG1003') misspelt.add(place)
    else bad.add(place)
  }
  return { bad, misspelt }
}
