import type { ErrorObject } from 'ajv'
import type { AdapterCatalogue, AdapterDescription, OperationDescription } from '../adapters.ts'
import type { Findings } from '../diagnostics/findings.ts'
import { nearest } from '../diagnostics/nearest.ts'
import type { Provider, Providers } from '../providers.ts'
import type { Steps, Tree } from '../source/tree.ts'
import { isContainer, isMapping, pointerOf, pointerSteps } from '../source/value.ts'
import { compileTemplate, templateProblems } from '../templates/template.ts'
import { adapterSchema } from '../values/adapter-schema.ts'
import { quoted } from '../values/parsed.ts'
import { meantKeys, reportSchemaError } from './schema-findings.ts'
import { type SchemaNode, schemaAt } from './schema-node.ts'
import { readAgain } from './validate.ts'

/**
 * Checks what only adapters know: their settings, and operations that are declared in the file. Fills in the defaults of both.
 * @param pluginsFailed Whether a module of `plugins` could not be loaded: then an unknown adapter is probably that one.
 */
export const validateSettings = (tree: Tree, findings: Findings, catalogue: AdapterCatalogue, pluginsFailed: boolean): Providers => {
  const providers = new Map<string, Provider>()
  const { integrations } = tree.root
  for (const [name, integration] of Object.entries(isMapping(integrations) ? integrations : {})) {
    if (!isMapping(integration) || typeof integration['plugin'] !== 'string' || tree.isBroken(['integrations', name, 'plugin'])) continue
    const adapter = catalogue.adapters.get(integration['plugin'])
    if (adapter === undefined) {
      if (!pluginsFailed) unknownPlugin(tree, findings, ['integrations', name, 'plugin'], integration['plugin'], catalogue)
      continue
    }
    const at = ['integrations', name]
    checkSettings(tree, findings, [...at, 'settings'], adapter.settings, [...at, 'plugin'])
    providers.set(name, { adapter, operations: operationsOf(tree, findings, [...at, 'operations'], adapter, integration['operations']) })
  }
  return providers
}

const unknownPlugin = (tree: Tree, findings: Findings, steps: Steps, name: string, { adapters }: AdapterCatalogue): void => {
  const shown = tree.shown(steps)
  const guess = shown === undefined ? nearest(name, adapters.keys()) : undefined
  findings.report('HG3026', tree.valueLocation(steps), `There is no adapter ${quoted(shown ?? name)}.`, {
    hint: guess === undefined ? 'Name its package or file under `plugins`.' : `Did you mean \`${guess}\`?`,
    notes: adapters.size === 0 ? [] : [`known adapters: ${[...adapters.keys()].join(', ')}`],
    pointer: pointerOf(steps),
  })
}

const nothing: SchemaNode = { type: 'object', additionalProperties: false, properties: {} }

const operationsOf = (
  tree: Tree,
  findings: Findings,
  at: Steps,
  adapter: AdapterDescription,
  written: unknown,
): ReadonlyMap<string, OperationDescription | undefined> => {
  const operations = new Map<string, OperationDescription | undefined>(Object.entries(adapter.operations))
  for (const [name, operation] of Object.entries(isMapping(written) ? written : {})) {
    if (!isMapping(operation)) continue
    const steps = [...at, name, 'settings']
    if (Object.hasOwn(adapter.operations, name)) checkSettings(tree, findings, steps, nothing, [...at, name])
    else if (adapter.declared !== undefined) operations.set(name, declaredOperation(tree, findings, steps, adapter.declared, name))
  }
  return operations
}

const declaredOperation = (
  tree: Tree,
  findings: Findings,
  steps: Steps,
  declared: NonNullable<AdapterDescription['declared']>,
  name: string,
): OperationDescription | undefined => {
  if (!checkSettings(tree, findings, steps, declared.settings, steps.slice(0, -1))) return undefined
  const settings = tree.value(steps)
  const wrong = new Map<string, { readonly steps: Steps; readonly message: string }>()
  // Templates that are wrong are told of all at once and in their places, which an adapter, that throws at the first one, cannot do.
  const compile: typeof compileTemplate = (source, variables) => {
    const problems = templateProblems(source, variables)
    const place = problems.length === 0 ? undefined : placeOf(source, settings)
    if (place === undefined) return compileTemplate(source, variables)
    for (const problem of problems) {
      const at = [...steps, ...place, ...problem.steps]
      wrong.set(`${pointerOf(at)} ${problem.message}`, { steps: at, message: problem.message })
    }
    return () => null
  }
  const report = (place: Steps, location: Parameters<Findings['report']>[1], message: string): void =>
    findings.report('HG2031', location, `${message.replace(/\.$/, '')}.`, { pointer: pointerOf(place) })
  let found: OperationDescription | undefined
  let problem: string | undefined
  try {
    found = declared.define(name, settings as never, compile)
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error)
  }
  for (const { steps: place, message } of wrong.values()) report(place, tree.valueLocation(place), message)
  // What else it says may come of the templates that are wrong.
  if (wrong.size > 0) return undefined
  if (problem !== undefined) report(steps, tree.keyLocation(tree.isWritten(steps) ? steps : steps.slice(0, -1)), problem)
  return found
}

/** Where a template stands in the settings: it, or the only text that holds it. */
const placeOf = (source: unknown, settings: unknown): Steps | undefined => {
  const whole = placesOf(settings, (value) => value === source)[0]
  if (whole !== undefined || typeof source !== 'string') return whole
  const within = placesOf(settings, (value) => typeof value === 'string' && value.includes(source))
  return within.length === 1 ? within[0] : undefined
}

const placesOf = (value: unknown, wanted: (value: unknown) => boolean): Steps[] => {
  if (wanted(value)) return [[]]
  if (!isContainer(value)) return []
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return entries.flatMap(([step, child]) => placesOf(child, wanted).map((steps) => [step, ...steps]))
}

/** @param owner Where the adapter is named. @returns Whether they can be used. */
const checkSettings = (tree: Tree, findings: Findings, steps: Steps, schema: SchemaNode, owner: Steps): boolean => {
  const value = tree.value(steps)
  if (!isMapping(value) || tree.provenance.hasBroken(value)) return false
  let errors: readonly ErrorObject[]
  try {
    const check = checkOf(schema)
    errors = placed(check(value), steps)
    if (errors.filter((error) => readAgain(tree, error)).length > 0) errors = placed(check(value), steps)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    findings.report('HG3025', tree.valueLocation(owner), `The schema of the adapter's settings cannot be used: ${message}.`, {
      pointer: pointerOf(owner),
    })
    return false
  }
  const meant = meantKeys(errors, schema)
  for (const error of chosen(errors, schema, tree)) reportSchemaError(error, tree, findings, meant, schema)
  return errors.length === 0
}

type Check = ReturnType<typeof adapterSchema>

/** By schema, for as long as the adapter lives. */
const checks = new WeakMap<SchemaNode, Check>()

const checkOf = (schema: SchemaNode): Check => {
  const check = checks.get(schema) ?? adapterSchema(schema, { useDefaults: true })
  checks.set(schema, check)
  return check
}

const placed = (mismatches: ReturnType<Check>, steps: Steps): ErrorObject[] =>
  mismatches.map(({ error }) => ({ ...error, instancePath: `${pointerOf(steps)}${error.instancePath}` }))

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value

/** Of alternatives, what is wrong with the only one that is of the kind of the value; where there is no such one, that none fits. */
const chosen = (errors: readonly ErrorObject[], schema: SchemaNode, tree: Tree): readonly ErrorObject[] => {
  let left = errors
  for (const { keyword, schemaPath, instancePath } of errors) {
    if (keyword !== 'anyOf' && keyword !== 'oneOf') continue
    const alternatives = Object.values(schemaAt(schemaPath, schema)) as SchemaNode[]
    const kind = kindOf(tree.value(pointerSteps(instancePath)))
    const meant = alternatives.flatMap(({ type }, index) => (type === kind || (type === 'number' && kind === 'integer') ? [index] : []))
    const only = meant.length === 1 ? `${schemaPath}/${meant[0]}/` : undefined
    left = left.filter((error) =>
      only === undefined
        ? !error.schemaPath.startsWith(`${schemaPath}/`)
        : error.schemaPath !== schemaPath && (!error.schemaPath.startsWith(`${schemaPath}/`) || error.schemaPath.startsWith(only)),
    )
  }
  return left
}
