import { Ajv, type ErrorObject } from 'ajv'
import { valueFormats } from './formats.ts'

/** What does not fit a schema: a place as JSON pointer, and the reason. Values are not told: they may be secret. */
export interface SchemaMismatch {
  readonly pointer: string
  readonly message: string
  readonly error: ErrorObject
}

const dateTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i

const standardFormats: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': (text) => dateTime.test(text) && !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)),
  email: (text) => text.length <= 320 && /^[^\s@<>()]+@[^\s@<>()]+$/.test(text),
  uri: (text) => URL.canParse(text),
  uuid: (text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
}

/** Checks that schemas are schemas. One for all: making it takes longer than most checks that it is there for. */
let metaSchema: Ajv | undefined

/**
 * A check against a schema of an adapter: draft-07, Ajv's strict mode, with the formats of configurations and `date-time`, `date`, `email`,
 * `uri`, `uuid`.
 * @param options `allErrors`: whether to go on after the first mismatch, which values of strangers must not make us do.
 * @returns Fills defaults into `value` where `useDefaults` is set, and tells what does not fit; empty when all fits.
 * @throws Error where it is no schema that can be used.
 */
export const adapterSchema = (
  schema: Readonly<Record<string, unknown>>,
  { useDefaults = false, allErrors = true }: { readonly useDefaults?: boolean; readonly allErrors?: boolean } = {},
): ((value: unknown) => readonly SchemaMismatch[]) => {
  const ajv = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    allErrors,
    ownProperties: true,
    useDefaults,
    logger: false,
    meta: false,
    validateSchema: false,
  })
  metaSchema ??= new Ajv({ strict: false, logger: false })
  if (metaSchema.validateSchema(schema, true) !== true) throw new Error('the schema is no schema')
  for (const [name, { parse }] of Object.entries(valueFormats)) ajv.addFormat(name, { type: 'string', validate: (text: string) => parse(text).ok })
  for (const [name, validate] of Object.entries(standardFormats)) ajv.addFormat(name, { type: 'string', validate })
  const check = ajv.compile(schema)
  if ('$async' in check) throw new Error('$async is not known here')
  return (value) => (check(value) ? [] : (check.errors ?? []).map(mismatch))
}

const mismatch = (error: ErrorObject): SchemaMismatch => {
  const name: unknown = error.params['additionalProperty'] ?? error.params['missingProperty']
  const allowed: unknown = error.params['allowedValues']
  const more = error.keyword === 'additionalProperties' ? `: ${String(name)}` : Array.isArray(allowed) ? `: ${allowed.join(', ')}` : ''
  return { pointer: error.instancePath, message: `${error.message ?? 'does not fit'}${more}`, error }
}
