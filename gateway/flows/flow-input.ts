import { Ajv } from 'ajv'
import type { AnySchema, Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { JsonValue } from '../../config/model.ts'
import { GatewayError } from '../errors.ts'

/** @throws {GatewayError} OPERATION_INPUT_INVALID */
export type InputCheck = (input: JsonValue) => void

/** The first violation ends the check; keywords that nobody knows mean nothing, and formats are notes: as for the data of events. */
const options: Options = { strict: false, allErrors: false, validateFormats: false, logger: false }

const draft7 = /^https?:\/\/json-schema\.org\/draft-0[67]\/schema#?$/

/** With it a flow begins; answers of steps need room as well. */
const maxInputBytes = 256 * 1024

/** @throws Error where it is no schema that can be used. */
export function flowInput(flow: string, schema: unknown): InputCheck {
  const validate = schema === undefined ? undefined : compiled(flow, schema)
  return (input) => {
    if (Buffer.byteLength(JSON.stringify(input)) > maxInputBytes) throw invalid(`The input has more than ${maxInputBytes} bytes.`)
    try {
      if (validate === undefined || validate(input)) return
    } catch (error) {
      if (error instanceof RangeError) throw invalid('The input is nested too deeply.')
      throw error
    }
    const [error] = validate.errors ?? []
    throw invalid(`${error?.instancePath.slice(0, 200) || 'The input'} ${error?.message ?? 'is not valid'}.`)
  }
}

const invalid = (detail: string): GatewayError => new GatewayError('OPERATION_INPUT_INVALID', { detail })

function compiled(flow: string, schema: unknown): ReturnType<Ajv['compile']> {
  const dialect = typeof schema === 'object' && schema !== null && '$schema' in schema ? String(schema.$schema) : ''
  const kind = draft7.test(dialect) ? Ajv : Ajv2020
  try {
    return new kind(options).compile(schema as AnySchema)
  } catch (error) {
    throw new Error(`the input schema of flow ${flow} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
