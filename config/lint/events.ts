import { type EventSchemaProblem, eventSchemaProblem } from '../values/event-schema.ts'
import { handler } from '../../schemas/consumers.ts'
import type { EventInput, SubscriberInput } from '../../schemas/events.ts'
import type { Steps } from '../source/tree.ts'
import { isContainer, isMapping, placeName, pointerOf } from '../source/value.ts'
import { quoted } from '../values/parsed.ts'
import type { LintContext } from './context.ts'
import { unknownName } from './references.ts'
import { namedFile, type ReadFile } from './named-file.ts'

/** Schemas that can be checked against, and subscribers with one target. @returns Contents of each `schema_file` by event. */
export const lintEvents = (context: LintContext, readFile: ReadFile, files: string[]): ReadonlyMap<string, unknown> => {
  const schemas = new Map<string, unknown>()
  for (const [name, event] of Object.entries(context.section('events') ?? {})) {
    const read = lintSchema(context, name, event, readFile, files)
    if (read !== undefined) schemas.set(name, read)
    for (const [subscriber, input] of Object.entries(event.subscribers)) lintSubscriber(context, ['events', name, 'subscribers', subscriber], input)
  }
  return schemas
}

const lintSchema = (context: LintContext, name: string, event: EventInput, readFile: ReadFile, files: string[]): unknown => {
  const { tree, findings } = context
  const at = ['events', name]
  if (event.schema !== undefined && event.schema_file !== undefined)
    findings.report('HG2024', tree.keyLocation([...at, 'schema_file']), '`schema` and `schema_file` cannot stand together.', {
      hint: 'Keep one of them.',
      related: [{ message: '`schema` is here', location: tree.keyLocation([...at, 'schema']) }],
    })
  if (event.schema !== undefined) {
    const problem = eventSchemaProblem(event.schema)
    if (problem !== undefined) reportAt(context, [...at, 'schema', ...(problem.steps ?? placeOf(event.schema, problem))], problem)
    return undefined
  }
  if (event.schema_file === undefined) return undefined
  const steps = [...at, 'schema_file']
  const text = namedFile(context, steps, event.schema_file, readFile, files)
  if ('message' in text) return reportAt(context, steps, text)
  let schema: unknown
  try {
    schema = JSON.parse(text.text)
  } catch {
    return reportAt(context, steps, { message: `The file ${quoted(tree.shown(steps) ?? event.schema_file)} is not JSON.` })
  }
  const found = eventSchemaProblem(schema)
  if (found === undefined) return schema
  const inside = found.steps ?? placeOf(schema, found)
  const where = inside.length === 0 ? '' : ` (at \`${pointerOf(inside)}\` of the file)`
  return reportAt(context, steps, { ...found, message: `${found.message.replace(/\.$/, '')}${where}.` })
}

const reportAt = ({ tree, findings }: LintContext, steps: Steps, { message, hint, key, value }: EventSchemaProblem): undefined => {
  const aboutKey = key !== undefined && value === undefined
  findings.report('HG2028', aboutKey ? tree.keyLocation(steps) : tree.valueLocation(steps), message, { hint, pointer: pointerOf(steps) })
  return undefined
}

/** The first place with the key, or the key and value, that the problem is about. */
const placeOf = (schema: unknown, { key, value }: EventSchemaProblem): string[] => {
  if (key === undefined || !isContainer(schema)) return []
  if (isMapping(schema) && Object.hasOwn(schema, key) && (value === undefined || schema[key] === value)) return [key]
  for (const [name, child] of Object.entries(schema)) {
    const found = placeOf(child, { message: '', key, ...(value !== undefined && { value }) })
    if (found.length > 0) return [name, ...found]
  }
  return []
}

/** A service is checked together with the consumers; here a queue, which has its own. */
const lintSubscriber = (context: LintContext, at: Steps, input: SubscriberInput): void => {
  const { tree, findings } = context
  if (input.queue === undefined) return
  unknownName(context, 'queue', input.queue, [...at, 'queue'])
  if (input.service !== undefined)
    findings.report('HG3023', tree.keyLocation([...at, 'service']), `${placeName(at)} names several targets: \`service\`, \`queue\`.`, {
      hint: 'Keep one of them.',
      pointer: pointerOf([...at, 'service']),
    })
  for (const key of Object.keys(input)) {
    if (key === 'queue' || !tree.isWritten([...at, key]) || (input.service !== undefined && Object.hasOwn(handler, key))) continue
    findings.report('HG3015', tree.keyLocation([...at, key]), `\`${key}\` belongs to a consumer; a subscriber with \`queue\` has none of its own.`, {
      hint: 'Say it in `consumers`, where the queue is taken from.',
      pointer: pointerOf([...at, key]),
    })
  }
}
