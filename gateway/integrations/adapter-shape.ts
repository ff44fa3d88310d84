import { adapterSchema } from '../../config/values/adapter-schema.ts'
import { failureKinds, interfaceVersion } from '../plugin.ts'

const authTypes: readonly unknown[] = ['none', 'bearer', 'api_key', 'basic', 'oauth2', 'aws']
const wordPattern = /^[a-z][a-z0-9-]{0,63}$/
const operationPattern = /^[a-z][a-z0-9_]{0,63}$/

type Thing = Readonly<Record<string, unknown>>

/**
 * All that keeps a value from being an `Adapter` of this version, as sentences for its author.
 * Nothing of it is called; empty means that the gateway can use it.
 */
export const adapterProblems = (value: unknown): readonly string[] => {
  if (!isThing(value)) return ['The adapter is no object.']
  if (value['interface'] !== interfaceVersion) return [wrongVersion(value['interface'])]
  return [
    ...matching(value, 'type', wordPattern, 'lower case letters, digits and hyphens'),
    ...matching(value, 'capability', wordPattern, 'lower case letters, digits and hyphens'),
    ...texts(value, ['summary'], ''),
    ...addressProblems(value),
    ...authProblems(value['auth']),
    ...settingsProblems(value['settings'], 'settings'),
    ...operationsProblems(value),
    ...declaredProblems(value['declared']),
    ...webhookProblems(value['webhook']),
    ...(typeof value['create'] === 'function' ? [] : ['`create` is no function.']),
  ]
}

const wrongVersion = (found: unknown): string =>
  found === undefined
    ? `It has no \`interface\`: write \`interface: interfaceVersion\` (${interfaceVersion}).`
    : `It is written for version ${typeof found === 'number' ? found : 'of another kind'} of the adapter interface; this gateway speaks version ${interfaceVersion}.`

const isThing = (value: unknown): value is Thing => typeof value === 'object' && value !== null && !Array.isArray(value)

const matching = (thing: Thing, key: string, pattern: RegExp, what: string): string[] => {
  const value = thing[key]
  return typeof value === 'string' && pattern.test(value) ? [] : [`\`${key}\` has to be a word of ${what}.`]
}

const texts = (thing: Thing, keys: readonly string[], place: string): string[] =>
  keys.flatMap((key) => (typeof thing[key] === 'string' && thing[key].trim() !== '' ? [] : [`\`${place}${key}\` has to be a text.`]))

const oneOf = (value: unknown, allowed: readonly unknown[], place: string): string[] =>
  allowed.includes(value) ? [] : [`\`${place}\` has to be one of ${allowed.map(String).join(', ')}.`]

const addressProblems = ({ baseUrl, tokenUrl }: Thing): string[] => [
  ...(baseUrl === undefined || baseUrl === false || (typeof baseUrl === 'string' && /^https?:\/\//.test(baseUrl) && URL.canParse(baseUrl))
    ? []
    : ['`baseUrl` has to be an http(s) URL, or false where no HTTP is spoken.']),
  ...(tokenUrl === undefined || (typeof tokenUrl === 'string' && (tokenUrl.startsWith('/') || URL.canParse(tokenUrl)))
    ? []
    : ['`tokenUrl` has to be a path or a URL.']),
]

const authProblems = (auth: unknown): string[] =>
  Array.isArray(auth) && auth.length > 0 && auth.every((type) => authTypes.includes(type))
    ? []
    : [`\`auth\` has to list some of ${authTypes.map(String).join(', ')}.`]

const schemaProblems = (schema: unknown, place: string): string[] => {
  if (!isThing(schema)) return [`\`${place}\` is no JSON Schema.`]
  try {
    adapterSchema(schema)
    return []
  } catch (error) {
    return [`\`${place}\` cannot be used as JSON Schema: ${error instanceof Error ? error.message : String(error)}.`]
  }
}

const settingsProblems = (schema: unknown, place: string): string[] => {
  const problems = schemaProblems(schema, place)
  if (problems.length > 0 || !isThing(schema)) return problems
  if (schema['type'] !== 'object' || schema['additionalProperties'] !== false)
    return [`\`${place}\` has to be an object schema with \`additionalProperties: false\`, so that misspelt keys are found.`]
  const properties = isThing(schema['properties']) ? Object.entries(schema['properties']) : []
  return properties.flatMap(([name, property]) => (isThing(property) ? texts(property, ['description'], `${place}.${name}.`) : []))
}

const operationsProblems = ({ operations, declared }: Thing): string[] => {
  if (!isThing(operations)) return ['`operations` has to be a map of operations.']
  const names = Object.keys(operations)
  if (names.length === 0 && declared === undefined) return ['There is no operation, and none can be declared.']
  return Object.entries(operations).flatMap(([name, operation]) => [
    ...(operationPattern.test(name) ? [] : [`The operation \`${name}\` has to be named in lower case letters, digits and underscores.`]),
    ...operationProblems(name, operation, names),
  ])
}

/** Of one operation, for those that are declared in a configuration as well. */
export const operationProblems = (name: string, operation: unknown, siblings: readonly string[]): string[] => {
  const place = `operations.${name}`
  if (!isThing(operation)) return [`\`${place}\` is no operation.`]
  const { keyTtlMs, kinds, maxBatch, templateField } = operation
  return [
    ...texts(operation, ['summary'], `${place}.`),
    ...schemaProblems(operation['input'], `${place}.input`),
    ...schemaProblems(operation['output'], `${place}.output`),
    ...oneOf(operation['idempotency'], ['key', 'inherent', 'none'], `${place}.idempotency`),
    ...oneOf(operation['duplicates'], ['harmful', 'tolerable'], `${place}.duplicates`),
    ...(keyTtlMs === undefined || (typeof keyTtlMs === 'number' && keyTtlMs > 0) ? [] : [`\`${place}.keyTtlMs\` has to be milliseconds.`]),
    ...(maxBatch === undefined || (Number.isInteger(maxBatch) && Number(maxBatch) > 1) ? [] : [`\`${place}.maxBatch\` has to be 2 or more.`]),
    ...kindProblems(kinds, place),
    ...undoProblems(operation['undo'], place, siblings),
    ...(templateField === undefined || hasProperty(operation['input'], templateField)
      ? []
      : [`\`${place}.templateField\` names no property of the input.`]),
  ]
}

const kindProblems = (kinds: unknown, place: string): string[] => {
  if (kinds === undefined) return []
  if (!Array.isArray(kinds)) return [`\`${place}.kinds\` has to be a list.`]
  return kinds.flatMap((kind) =>
    typeof kind === 'string' && Object.hasOwn(failureKinds, kind) ? [] : [`\`${place}.kinds\` has no failure kind ${String(kind)}.`],
  )
}

const undoProblems = (undo: unknown, place: string, siblings: readonly string[]): string[] => {
  if (undo === undefined) return []
  if (!isThing(undo)) return [`\`${place}.undo\` has to be a map of operations.`]
  return Object.entries(undo).flatMap(([name, make]) => [
    ...(siblings.includes(name) ? [] : [`\`${place}.undo\` names no operation: \`${name}\`.`]),
    ...(typeof make === 'function' ? [] : [`\`${place}.undo.${name}\` is no function.`]),
  ])
}

const hasProperty = (schema: unknown, name: unknown): boolean =>
  isThing(schema) && typeof name === 'string' && isThing(schema['properties']) && Object.hasOwn(schema['properties'], name)

const declaredProblems = (declared: unknown): string[] => {
  if (declared === undefined) return []
  if (!isThing(declared)) return ['`declared` is no object.']
  return [
    ...settingsProblems(declared['settings'], 'declared.settings'),
    ...(typeof declared['define'] === 'function' ? [] : ['`declared.define` is no function.']),
  ]
}

const webhookProblems = (webhook: unknown): string[] => {
  if (webhook === undefined) return []
  if (!isThing(webhook) || !isThing(webhook['events'])) return ['`webhook` has to have `events`.']
  return [
    ...texts(webhook, ['summary'], 'webhook.'),
    ...Object.entries(webhook['events']).flatMap(([name, event]) =>
      isThing(event)
        ? [...texts(event, ['summary'], `webhook.events.${name}.`), ...schemaProblems(event['data'], `webhook.events.${name}.data`)]
        : [`\`webhook.events.${name}\` is no event.`],
    ),
  ]
}
