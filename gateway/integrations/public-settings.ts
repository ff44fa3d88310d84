import type { JsonValue } from '../../config/model.ts'
import type { Json, JsonSchema } from '../plugin.ts'

/**
 * Settings as an adapter may see them: without those that its schema marks `writeOnly`.
 * @throws Error for a reference to a secret in a setting that is not marked: the adapter would take the reference for the value.
 */
export const withoutSecrets = (settings: Readonly<Record<string, JsonValue>>, schema: JsonSchema, place: string): Readonly<Record<string, Json>> => {
  const entries: [string, Json][] = []
  for (const [name, value] of Object.entries(settings)) {
    const sub = schemaOf(schema, name)
    if (sub?.['writeOnly'] !== true) entries.push([name, shown(value, sub, `${place}.${name}`)])
  }
  return Object.fromEntries(entries)
}

const shown = (value: JsonValue, schema: JsonSchema | undefined, place: string): Json => {
  if (typeof value === 'string') {
    if (value.includes('${secret:')) throw new Error(`${place} takes no secret: the adapter does not mark it as one`)
    return value
  }
  if (isList(value)) return value.map((item, index) => shown(item, objectOf(schema?.['items']), `${place}[${index}]`))
  if (typeof value === 'object' && value !== null) return withoutSecrets(value, schema ?? {}, place)
  return value
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value)

/** Of a property, wherever the schema declares it; marked as secret when one of the places does. */
const schemaOf = (schema: JsonSchema, name: string): JsonSchema | undefined => {
  const own = objectOf(objectOf(schema['properties'])?.[name])
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => (Array.isArray(schema[key]) ? (schema[key] as unknown[]) : []))
  const found = [own, ...branches.map((branch) => schemaOf(objectOf(branch) ?? {}, name))].filter((one) => one !== undefined)
  return found.find((one) => one['writeOnly'] === true) ?? found[0] ?? objectOf(schema['additionalProperties'])
}

const objectOf = (value: unknown): JsonSchema | undefined => (typeof value === 'object' && value !== null ? (value as JsonSchema) : undefined)
