import { formats } from '../../schemas/formats.ts'
import { isContainer } from '../source/value.ts'
import { isFormatName } from '../values/formats.ts'
import { type Problem, problem, quoted } from '../values/parsed.ts'
import { orText, type SchemaNode } from './schema-node.ts'

const expectedType: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'a map',
}

/** What is wrong with a value of another kind than its key needs. `shown` is what was written, when that was a reference. */
export const typeProblem = (place: string, schema: SchemaNode, value: unknown, shown: string | undefined): Problem => {
  const type = Array.isArray(schema.type) ? '' : String(schema.type)
  const expects =
    schema.format !== undefined && isFormatName(schema.format)
      ? formats[schema.format].expects
      : schema.$comment === orText
        ? `a text or ${expectedType[type] ?? 'a map'}`
        : kindsText(schema)
  if (shown !== undefined) return problem(`${quoted(shown)} does not hold ${expects}, which ${place} needs.`)
  if (schema.writeOnly === true)
    return problem(`${place} must be ${expects}, not ${kindOf(value)}.`, isContainer(value) ? undefined : 'Put it in quotes.')
  return problem(`${place} must be ${expects}, not ${described(value)}.`, hint(type, value))
}

/** `a text or a map`. */
const kindsText = ({ type }: SchemaNode): string => {
  const kinds = [type ?? []].flat().map((one) => expectedType[one] ?? one)
  return kinds.length < 2 ? (kinds[0] ?? 'a value') : `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`
}

/** For secrets: nothing of the value itself. */
const kindOf = (value: unknown): string => (value === null || typeof value === 'object' ? described(value) : `a ${typeof value}`)

const described = (value: unknown): string => {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return value === '' ? 'an empty text' : `the text ${quoted(value)}`
  return typeof value === 'number' ? `the number \`${value}\`` : `\`${JSON.stringify(value)}\``
}

const truthWords: Readonly<Record<string, boolean>> = { yes: true, on: true, y: true, no: false, off: false, n: false, 1: true, 0: false }

const hint = (type: string, value: unknown): string | undefined => {
  if (value === null && type === 'object') return 'Add its keys, indented, or remove it.'
  if (value === null) return 'Write a value, or remove the key.'
  if (type === 'boolean') return booleanHint(value)
  if (type === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return 'Put it in quotes.'
  if (type === 'array' && typeof value === 'string') return `Write \`[${value}]\`.`
  if (type === 'array') return 'Begin each entry with `- `.'
  if ((type === 'integer' || type === 'number') && typeof value === 'string' && /^[0-9]+$/.test(value)) return `Write \`${value}\` without quotes.`
  if (type === 'integer' && typeof value === 'number' && Number.isFinite(value)) return `Write \`${Math.round(value)}\`.`
  return undefined
}

const booleanHint = (value: unknown): string | undefined => {
  const word = String(value).toLowerCase()
  const meant = word === 'true' || word === 'false' ? word === 'true' : Object.hasOwn(truthWords, word) ? truthWords[word] : undefined
  return meant === undefined ? undefined : `Write \`${meant}\`${typeof value === 'string' && word === String(meant) ? ' without quotes' : ''}.`
}
