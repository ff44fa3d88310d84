import { gatewaySchema } from '../../schemas/gateway.ts'

/** The part of JSON Schema that this room reads from the schemas. */
export interface SchemaNode {
  readonly $schema?: string
  readonly $id?: string
  readonly title?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly description?: string
  readonly $comment?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  /** A secret: its value never reaches a message, a code frame or the printed configuration. */
  readonly writeOnly?: boolean
  readonly examples?: readonly unknown[]
  readonly anyOf?: readonly SchemaNode[]
  readonly items?: SchemaNode
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly allOf?: readonly unknown[]
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly propertyNames?: SchemaNode
  readonly required?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly minProperties?: number
  readonly [keyword: string]: unknown
}

export const rootSchema: SchemaNode = gatewaySchema

/** The same schema with `change` applied to every node, children first. */
export const mapSchema = (node: SchemaNode, change: (node: SchemaNode) => SchemaNode): SchemaNode => {
  const each = (child: SchemaNode): SchemaNode => mapSchema(child, change)
  const all = (children: Readonly<Record<string, SchemaNode>>): Record<string, SchemaNode> =>
    Object.fromEntries(Object.entries(children).map(([name, child]) => [name, each(child)]))
  return change({
    ...node,
    ...(node.items && { items: each(node.items) }),
    ...(node.properties && { properties: all(node.properties) }),
    ...(node.patternProperties && { patternProperties: all(node.patternProperties) }),
    ...(typeof node.additionalProperties === 'object' && { additionalProperties: each(node.additionalProperties) }),
    ...(node.anyOf && { anyOf: node.anyOf.map(each) }),
  })
}

/**
 * Some keys take a text as the short form of a map with one required key (`health_check: /health`), or of a list of one (`events: all`).
 * @returns The schema of the map or list; undefined when the node is no such pair.
 */
export const longForm = (node: SchemaNode): SchemaNode | undefined => {
  const [short, long, list] = node.anyOf ?? []
  if (short?.type !== 'string' || short.enum !== undefined) return undefined
  // One, or a list of several: both are written out as a list.
  if (node.anyOf?.length === 3 && long?.type === 'object' && list?.type === 'array') return list
  return (long?.type === 'object' || long?.type === 'array') && node.anyOf?.length === 2 ? long : undefined
}

/** A union of maps that are told apart by the constant in their `type` (`brokers`). @returns Type to map; undefined when the node is none. */
export const variants = (node: SchemaNode): ReadonlyMap<string, SchemaNode> | undefined => {
  const found = new Map<string, SchemaNode>()
  for (const variant of node.anyOf ?? []) {
    const type = variant.properties?.['type']?.const
    if (typeof type === 'string') found.set(type, variant)
  }
  return found.size > 1 && found.size === node.anyOf?.length ? found : undefined
}

/** One variant is chosen by `type` before anything else is checked: errors are about that one, and its defaults are filled in. */
const chosenByType = (node: SchemaNode, found: ReadonlyMap<string, SchemaNode>): SchemaNode => ({
  type: 'object',
  ...(node.description !== undefined && { description: node.description }),
  required: ['type'],
  properties: { type: { type: 'string', enum: [...found.keys()], description: [...found.values()][0]?.properties?.['type']?.description ?? '' } },
  allOf: [...found].map(([type, variant]) => ({
    if: { not: { type: 'object', required: ['type'], properties: { type: { const: type } } } },
    else: variant,
  })),
})

/** Alternatives of different types: which one is meant is seen from the value, so that errors are about that one, and its defaults are filled in. */
const chosenByKind = (node: SchemaNode): SchemaNode | undefined => {
  const alternatives = node.anyOf ?? []
  const types = alternatives.map(({ type }) => type)
  if (alternatives.length < 2 || types.some((type) => typeof type !== 'string') || new Set(types).size < types.length) return undefined
  const { anyOf: _, ...rest } = node
  return {
    ...rest,
    type: types.map(String),
    allOf: alternatives.map((alternative) => ({ if: { not: { type: alternative.type } }, else: alternative })),
  }
}

/** Marks a map or list that may also be written as a text. */
export const orText = 'or a text'

/** The schema without short forms, which are expanded before validation, and without unions, so that errors are about one form only. */
export const validationSchema: SchemaNode = mapSchema(rootSchema, (node) => {
  const union = variants(node)
  if (union !== undefined) return chosenByType(node, union)
  const long = longForm(node)
  if (long === undefined) return chosenByKind(node) ?? node
  return { ...long, description: node.description ?? '', ...(node.default !== undefined && { default: node.default }), $comment: orText }
})

/** Schema that stands at a JSON Schema pointer such as `#/properties/services/additionalProperties`. */
export const schemaAt = (pointer: string, root: SchemaNode = validationSchema): SchemaNode => {
  let at: unknown = root
  for (const step of pointer.replace(/^#\/?/, '').split('/')) {
    if (step === '') continue
    at =
      typeof at === 'object' && at !== null
        ? (at as Readonly<Record<string, unknown>>)[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')]
        : undefined
  }
  return typeof at === 'object' && at !== null ? (at as SchemaNode) : {}
}
