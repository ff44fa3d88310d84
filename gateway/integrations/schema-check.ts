import type { ErrorObject } from 'ajv'
import type { JsonValue } from '../../config/model.ts'
import { adapterSchema } from '../../config/values/adapter-schema.ts'
import type { JsonSchema } from '../plugin.ts'

/** Checks values against the schema of an adapter. */
export interface SchemaCheck {
  /** The value with the defaults of the schema filled in, or what is wrong with it: places and rules, no values. */
  (value: JsonValue): { readonly value: JsonValue } | { readonly problem: string }
}

/** `anyOf` has several for one mismatch. */
const maxProblems = 5

/** Formats mean what they mean when the configuration is checked. @throws Error The schema is no schema. */
export function schemaCheck(schema: JsonSchema): SchemaCheck {
  const check = adapterSchema(schema, { useDefaults: true, allErrors: false })
  return (value) => {
    // Defaults are written into the value, which belongs to somebody else. What an adapter gives may be anything.
    let copy: unknown
    try {
      const text = JSON.stringify(value) as string | undefined
      copy = text === undefined ? undefined : JSON.parse(text)
    } catch {
      return { problem: 'the value cannot be written as JSON' }
    }
    const wrong = check(copy)
    if (wrong.length === 0) return { value: copy as JsonValue }
    return {
      problem: wrong
        .slice(0, maxProblems)
        .map(({ error }) => described(error))
        .join('; '),
    }
  }
}

/** Of no value in it: an input may hold what must not stand in logs. */
function described({ instancePath, message, params, keyword }: ErrorObject): string {
  const place = instancePath === '' ? 'the value' : instancePath
  const extra = keyword === 'additionalProperties' ? ` (${JSON.stringify((params as { additionalProperty?: unknown }).additionalProperty)})` : ''
  return `${place} ${message ?? 'is wrong'}${extra}`
}
