import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { valueFormats } from '../values/formats.ts'
import { validationSchema } from './schema-node.ts'

let compiled: ValidateFunction | undefined

const compile = (): ValidateFunction => {
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    allErrors: true,
    useDefaults: true,
    ownProperties: true,
    messages: false,
    inlineRefs: true,
    code: { optimize: false },
    validateSchema: false,
  })
  for (const [name, { parse }] of Object.entries(valueFormats))
    ajv.addFormat(name, { type: 'string', validate: (text: string) => remembered(name, parse, text) })
  return ajv.compile(validationSchema)
}

/** The same few texts (`30s`, `50%`) stand in a configuration many times. */
const seen = new Map<string, boolean>()
const maxSeen = 10_000

const remembered = (format: string, parse: (text: string) => { readonly ok: boolean }, text: string): boolean => {
  if (text.length > 12) return parse(text).ok
  const key = `${format} ${text}`
  const known = seen.get(key)
  if (known !== undefined) return known
  if (seen.size >= maxSeen) seen.clear()
  const { ok } = parse(text)
  seen.set(key, ok)
  return ok
}

/** Checks `root` against the schema and fills in defaults. @returns Everything that does not fit. */
export const schemaErrors = (root: unknown): readonly ErrorObject[] => {
  compiled ??= compile()
  return compiled(root) ? [] : (compiled.errors ?? [])
}
