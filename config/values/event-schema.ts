import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { nearest } from '../diagnostics/nearest.ts'
import { backtracksExponentially } from './pattern.ts'
import { problem, quoted } from './parsed.ts'

/** Why a JSON Schema cannot be used, and where in it. */
export interface EventSchemaProblem {
  readonly message: string
  readonly hint?: string
  /** Place within the schema, where that is known. */
  readonly steps?: readonly string[]
  /** Else the key that the problem is about, and its value where it matters which. */
  readonly key?: string
  readonly value?: string
}

const options: Options = {
  // Unknown keywords are misspelt ones; what is merely unusual is allowed.
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  // `format` is an annotation, as draft 2020-12 has it by default.
  validateFormats: false,
  addUsedSchema: false,
  logger: false,
}

const annotations = ['example', 'externalDocs', 'discriminator', 'xml', 'nullable']

const draft7 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/
const draft2020 = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/

/**
 * What keeps a value from being a JSON Schema of draft 2020-12, or of draft-07 where `$schema` says so. No reference leads out of
 * it, keywords that nobody knows are taken for misspelt, and patterns on which a text could be spent for ever are refused.
 * @returns Undefined when data can be checked with it.
 */
export const eventSchemaProblem = (schema: unknown): EventSchemaProblem | undefined => {
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null || Array.isArray(schema)))
    return { message: 'A JSON Schema is a map.' }
  const slow = slowPattern(schema)
  if (slow !== undefined) return slow
  const draft = typeof schema === 'object' && '$schema' in schema ? schema.$schema : undefined
  if (draft !== undefined && (typeof draft !== 'string' || !(draft7.test(draft) || draft2020.test(draft))))
    return {
      message: `${quoted(JSON.stringify(draft))} is a draft that is not supported.`,
      hint: 'Write `https://json-schema.org/draft/2020-12/schema` or `http://json-schema.org/draft-07/schema#`.',
      steps: ['$schema'],
    }
  if (typeof schema === 'object' && '$async' in schema) return { message: '`$async` is not a keyword of JSON Schema.', key: '$async' }
  const ajv = typeof draft === 'string' && draft7.test(draft) ? new Ajv(options) : new Ajv2020(options)
  for (const keyword of [...annotations, ...ownKeywords(schema)]) if (ajv.getKeyword(keyword) === false) ajv.addKeyword(keyword)
  try {
    if (ajv.validateSchema(schema) === false) return invalid(ajv.errors?.[0])
    ajv.compile(schema)
    return undefined
  } catch (error) {
    return thrown(error)
  }
}

const invalid = (error: ErrorObject | undefined): EventSchemaProblem => {
  const steps = (error?.instancePath ?? '')
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const allowed: unknown = error?.params['allowedValues']
  return {
    message: `This is not a JSON Schema: ${steps.length === 0 ? 'it' : quoted(steps.join('.'))} ${error?.message ?? 'does not fit'}${Array.isArray(allowed) ? ` (${allowed.join(', ')})` : ''}.`,
    steps,
  }
}

const keywords = (): string[] => [
  'properties',
  'required',
  'type',
  'items',
  'enum',
  'const',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'uniqueItems',
  'format',
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  '$ref',
  '$defs',
  'definitions',
  'description',
  'title',
  'default',
  'examples',
  'multipleOf',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'dependentRequired',
  'if',
  'then',
  'else',
  'contains',
  'prefixItems',
  'unevaluatedProperties',
]

const thrown = (error: unknown): EventSchemaProblem => {
  const text = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && 'missingRef' in error && typeof error.missingRef === 'string') {
    const local = /can't resolve reference (\S+) /.exec(text)?.[1] ?? error.missingRef
    return {
      message: `${quoted(local)} is not in the schema; nothing is fetched from elsewhere.`,
      hint: 'Put the part under `$defs` and refer to it as `#/$defs/name`.',
      key: '$ref',
      value: local,
    }
  }
  const unknown = /unknown keyword: "(.*)"/.exec(text)?.[1]
  if (unknown !== undefined) {
    const guess = nearest(unknown, keywords())
    return {
      message: `${quoted(unknown)} is not a keyword of JSON Schema.`,
      hint: guess === undefined ? 'Keywords of your own begin with `x-`.' : `Did you mean \`${guess}\`?`,
      key: unknown,
    }
  }
  const pattern = /Invalid regular expression: \/(.*)\/[a-z]*: (.*)$/s.exec(text)
  if (pattern?.[1] !== undefined)
    return { message: `${quoted(pattern[1])} is not a regular expression: ${pattern[2]}.`, key: 'pattern', value: pattern[1] }
  return { message: `The schema cannot be used: ${text.replace(/^strict mode: /, '').replace(/\.$/, '')}.` }
}

/** Keywords that begin with `x-` are notes. */
const ownKeywords = (schema: unknown, found: Set<string> = new Set()): Set<string> => {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [key, value] of Object.entries(schema)) {
    if (/^x-[\w.-]+$/.test(key)) found.add(key)
    ownKeywords(value, found)
  }
  return found
}

const slowPattern = (schema: unknown, steps: readonly string[] = []): EventSchemaProblem | undefined => {
  if (typeof schema !== 'object' || schema === null) return undefined
  for (const [key, value] of Object.entries(schema)) {
    const inProperties = steps.at(-1) === 'properties'
    const patterns =
      key === 'pattern' && typeof value === 'string' && !inProperties
        ? [value]
        : key === 'patternProperties' && !inProperties
          ? Object.keys(Object(value) as object)
          : []
    const slow = patterns.find(backtracksExponentially)
    if (slow !== undefined)
      return {
        ...problem(
          `On some texts ${quoted(slow)} takes time that doubles with each character.`,
          'Let no repeated group begin with what its last part may hold too.',
        ),
        steps: [...steps, key, ...(key === 'pattern' ? [] : [slow])],
      }
    const deeper = slowPattern(value, [...steps, key])
    if (deeper !== undefined) return deeper
  }
  return undefined
}
