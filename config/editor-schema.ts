import { formats } from '../schemas/formats.ts'
import { mapSchema, rootSchema, type SchemaNode } from './validate/schema-node.ts'
import { isFormatName } from './values/formats.ts'

/** What a reference to the environment looks like to an editor; it may stand in any value. */
const reference = '\\$\\{env:'

/**
 * The JSON Schema (draft-07) for completion and checks in editors: the schema of the language with its own formats written
 * out as patterns and examples, and references to the environment allowed wherever a scalar is.
 */
export const editorSchema = (): SchemaNode => mapSchema(rootSchema, editorNode)

const editorNode = (node: SchemaNode): SchemaNode => {
  const { propertyNames, ...rest } = node
  const names =
    propertyNames?.format === undefined || !isFormatName(propertyNames.format)
      ? {}
      : { propertyNames: { pattern: formats[propertyNames.format].pattern } }
  if (rest.enum !== undefined) return editorEnum(rest)
  if (rest.type === 'integer' || rest.type === 'number' || rest.type === 'boolean')
    return { ...rest, type: [rest.type, 'string'], pattern: reference }
  return { ...editorFormat(rest), ...names }
}

const editorFormat = (node: SchemaNode): SchemaNode => {
  const { format, ...rest } = node
  if (format === undefined || !isFormatName(format)) return node
  const { pattern, examples, expects } = formats[format]
  const description = rest.description === undefined ? sentence(expects) : `${rest.description}\n\nWrite ${expects}.`
  return { ...rest, description, pattern: `${reference}|${pattern}`, examples: rest.examples ?? examples }
}

/** Choices beside a reference need two branches; the description and the default stay outside, where editors look. */
const editorEnum = ({ enum: choices, type, description, default: initial, ...rest }: SchemaNode): SchemaNode => ({
  ...(description !== undefined && { description }),
  ...(initial !== undefined && { default: initial }),
  anyOf: [
    { ...(type !== undefined && { type }), enum: choices ?? [], ...rest },
    { type: 'string', pattern: reference },
  ],
})

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
