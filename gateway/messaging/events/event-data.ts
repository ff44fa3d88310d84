import { Ajv } from 'ajv'
import type { AnySchema, Options, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { CloudEvent } from './cloud-event.ts'
import { invalid, isJsonType, jsonOf, textOf } from './cloud-event.ts'

/** @throws {GatewayError} EVENT_INVALID: the data is not as declared. */
export type DataCheck = (event: CloudEvent) => void

/**
 * The first violation ends the check, so that no event costs more than it is worth. Keywords that nobody knows mean nothing, as the
 * specification wants, and formats are notes.
 */
const options: Options = { strict: false, allErrors: false, validateFormats: false, logger: false }

const draft7 = /^https?:\/\/json-schema\.org\/draft-0[67]\/schema#?$/

/**
 * Compiles the JSON Schema of an event: draft 2020-12, or draft-07 where `$schema` says so.
 * @throws Error where it is not a schema that can be used here.
 */
export function dataCheck(event: string, schema: unknown): DataCheck {
  if (schema === undefined) return () => undefined
  const validate = compiled(event, schema)
  return (of) => {
    if (!isJsonType(of.contentType)) throw invalid(of.place, 'The data must be JSON.')
    const place = `${of.place}/data`
    const data = jsonOf(textOf(of.data, place), place)
    if (isValid(validate, data, place)) return
    const [error] = validate.errors ?? []
    throw invalid(`${place}${error?.instancePath.slice(0, 200) ?? ''}`, `${error?.message ?? 'is not valid'}.`)
  }
}

/** @throws {GatewayError} EVENT_INVALID: a schema that refers to itself has to follow the data as deep as it goes. */
function isValid(validate: ValidateFunction, data: unknown, place: string): boolean {
  try {
    return validate(data)
  } catch (error) {
    if (error instanceof RangeError) throw invalid(place, 'It is nested too deeply.')
    throw error
  }
}

/** They check the schemas themselves; each takes some 30 ms to get ready, so that all schemas share them. */
const checkers = new Map<typeof Ajv | typeof Ajv2020, Ajv | Ajv2020>()

function checkerOf(dialect: typeof Ajv | typeof Ajv2020): Ajv | Ajv2020 {
  const checker = checkers.get(dialect) ?? new dialect(options)
  checkers.set(dialect, checker)
  return checker
}

function compiled(event: string, schema: unknown): ValidateFunction {
  const dialect = typeof schema === 'object' && schema !== null && '$schema' in schema ? String(schema.$schema) : ''
  const kind = draft7.test(dialect) ? Ajv : Ajv2020
  try {
    void checkerOf(kind).validateSchema(schema as AnySchema, true)
    // Of its own: schemas of two events may have the same `$id`.
    const validate = new kind({ ...options, validateSchema: false }).compile(schema as AnySchema)
    // It would answer with a promise, which is true whatever the data is.
    if ('$async' in validate) throw new Error('$async is not known here')
    return validate
  } catch (error) {
    throw new Error(`the schema of event ${event} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
