import type { ErrorObject } from 'ajv'
import { formats } from '../../schemas/formats.ts'
import type { DiagnosticCode } from '../diagnostics/catalogue.ts'
import type { Findings } from '../diagnostics/findings.ts'
import { nearest } from '../diagnostics/nearest.ts'
import type { Tree } from '../source/tree.ts'
import { placeName, pointerOf, pointerSteps } from '../source/value.ts'
import { isFormatName, valueFormats } from '../values/formats.ts'
import { type Problem, problem, quoted } from '../values/parsed.ts'
import { type SchemaNode, schemaAt } from './schema-node.ts'
import { typeProblem } from './type-problem.ts'

interface Context {
  readonly error: ErrorObject
  readonly steps: readonly string[]
  /** The schema that the failed keyword belongs to. */
  readonly schema: SchemaNode
  readonly tree: Tree
  readonly findings: Findings
}

/** Keys that seem to be missing and are only misspelt: JSON Pointers. @param root The schema that was checked against. */
export const meantKeys = (errors: readonly ErrorObject[], root?: SchemaNode): ReadonlySet<string> => {
  const meant = new Set<string>()
  for (const error of errors) {
    if (error.keyword !== 'additionalProperties') continue
    const guess = nearest(String(error.params['additionalProperty']), Object.keys(schemaOf(error, root).properties ?? {}))
    if (guess !== undefined) meant.add(`${error.instancePath}/${guess}`)
  }
  return meant
}

const schemaOf = (error: ErrorObject, root?: SchemaNode): SchemaNode => schemaAt(error.schemaPath.slice(0, error.schemaPath.lastIndexOf('/')), root)

/**
 * One error of the validator, as a finding that a person can act on.
 * @param meant What `meantKeys` found.
 * @param root The schema that was checked against.
 */
export const reportSchemaError = (error: ErrorObject, tree: Tree, findings: Findings, meant: ReadonlySet<string>, root?: SchemaNode): void => {
  const steps = pointerSteps(error.instancePath)
  if (tree.isBroken(steps) || (hiddenBySecret.has(error.keyword) && tree.refersToSecret(steps))) return
  const context: Context = { error, steps, schema: schemaOf(error, root), tree, findings }
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(context, String(error.params['additionalProperty']))
    case 'required':
      if (meant.has(`${error.instancePath}/${String(error.params['missingProperty'])}`)) return findings.markUnusable(error.instancePath)
      return missingKey(context, String(error.params['missingProperty']))
    case 'type':
      return wrongType(context)
    case 'pattern':
      return error.propertyName === undefined ? outsideLimits(context) : oddName(context, error.propertyName)
    case 'format':
      return error.propertyName === undefined ? wrongFormat(context) : wrongName(context, error.propertyName)
    case 'enum':
      return notAChoice(context)
    case 'propertyNames':
    // Reported by what it leads to.
    case 'if':
      return undefined
    case 'uniqueItems':
      return repeatedItem(context)
    default:
      return outsideLimits(context)
  }
}

/** What cannot be said of a value that is not known yet. */
const hiddenBySecret: ReadonlySet<string> = new Set(['format', 'pattern', 'minLength', 'maxLength', 'enum', 'const'])

/** A value for messages: as it was written, and nothing of a secret. */
const shownValue = ({ steps, schema, tree }: Context): string => tree.shown(steps) ?? (schema.writeOnly === true ? '***' : String(tree.value(steps)))

const place = (steps: readonly string[]): string => (steps.length === 0 ? 'the file' : placeName(steps))

const unknownKey = ({ steps, schema, tree, findings }: Context, key: string): void => {
  const allowed = Object.keys(schema.properties ?? {})
  const at = [...steps, key]
  const guess = nearest(key, allowed)
  findings.report('HG1003', tree.keyLocation(at), `${quoted(key)} is not a key of ${place(steps)}.`, {
    hint: guess === undefined ? undefined : `Did you mean \`${guess}\`?`,
    notes: allowed.length === 0 ? [] : [`allowed here: ${allowed.join(', ')}`],
    pointer: pointerOf(at),
  })
}

const missingKey = ({ steps, schema, tree, findings }: Context, key: string): void => {
  const description = schema.properties?.[key]?.description
  findings.report('HG1005', tree.keyLocation(steps), `${place(steps)} has no \`${key}\`.`, {
    ...(description === undefined ? {} : { notes: [`${key}: ${description}`] }),
    pointer: pointerOf(steps),
  })
}

const wrongType = (context: Context): void => {
  const { steps, schema, tree } = context
  const value = tree.value(steps)
  const shown = tree.shown(steps)
  if (typeof value === 'number' && schema.format !== undefined && isFormatName(schema.format) && shown === undefined) {
    const format = valueFormats[schema.format]
    const found = format.bareNumber?.(value)
    if (found !== undefined) return report(context, format.code, found)
  }
  report(context, 'HG1004', typeProblem(place(steps), schema, value, shown))
}

const wrongFormat = (context: Context): void => {
  const name = String(context.error.params['format'])
  if (!isFormatName(name))
    return report(context, 'HG2016', problem(`${quoted(shownValue(context))} does not fit ${place(context.steps)}: it has to be a ${name}.`))
  const format = valueFormats[name]
  const shown = context.tree.shown(context.steps)
  if (shown !== undefined || context.schema.writeOnly === true)
    return report(context, format.code, problem(`${quoted(shown ?? '***')} does not hold ${formats[name].expects}.`))
  const result = format.parse(String(context.tree.value(context.steps)))
  if (!result.ok) report(context, format.code, result)
}

const wrongName = ({ error, steps, tree, findings }: Context, name: string): void => {
  const format = String(error.params['format'])
  if (!isFormatName(format)) return
  const result = valueFormats[format].parse(name)
  const at = [...steps, name]
  if (!result.ok) findings.report(valueFormats[format].code, tree.keyLocation(at), result.message, { hint: result.hint, pointer: pointerOf(at) })
}

const oddName = ({ schema, steps, tree, findings }: Context, name: string): void => {
  const at = [...steps, name]
  findings.report('HG2025', tree.keyLocation(at), `${quoted(name)} is no name for an entry of ${place(steps)}.`, {
    hint: namesSuch(String(schema.pattern)),
    pointer: pointerOf(at),
  })
}

const namesSuch = (pattern: string): string =>
  pattern.startsWith('^[A-Za-z]{2,8}')
    ? 'Write a language such as `en` or `de-CH`.'
    : `Begin with a letter; then letters, digits${pattern.includes('-]') ? ', `_` and `-`' : ' and `_`'}, at most 64.`

const notAChoice = (context: Context): void => {
  const choices = (context.schema.enum ?? []).map(String)
  const value = shownValue(context)
  const shown = context.tree.shown(context.steps)
  const guess = shown === undefined ? nearest(value, choices) : undefined
  report(
    context,
    'HG2015',
    problem(`${quoted(value)} is not a choice for ${place(context.steps)}.`, guess === undefined ? undefined : `Did you mean \`${guess}\`?`),
    [`choices: ${choices.join(', ')}`],
  )
}

const repeatedItem = (context: Context): void => {
  const { i, j } = context.error.params as { i: number; j: number }
  const [first, second] = i < j ? [i, j] : [j, i]
  const at = [...context.steps, String(second)]
  const shown = context.tree.shown(at) ?? String(context.tree.value(at))
  context.findings.report('HG2018', context.tree.valueLocation(at), `${quoted(shown)} stands in ${place(context.steps)} twice.`, {
    related: [{ message: 'first here', location: context.tree.valueLocation([...context.steps, String(first)]) }],
    pointer: pointerOf(at),
  })
}

const outsideLimits = (context: Context): void => {
  const { error, schema, steps } = context
  const limit = Number(error.params['limit'])
  const shown = quoted(shownValue(context))
  const range =
    schema.minimum === undefined
      ? `at most ${schema.maximum}`
      : schema.maximum === undefined
        ? `at least ${schema.minimum}`
        : `${schema.minimum} to ${schema.maximum}`
  switch (error.keyword) {
    case 'minimum':
    case 'maximum':
      return report(context, 'HG2016', problem(`${shown} is out of range for ${place(steps)}: ${range}.`))
    case 'minLength':
      return report(context, 'HG2016', problem(`${place(steps)} is empty.`, 'Write at least one character, or remove the key.'))
    case 'maxLength':
      return report(context, 'HG2016', problem(`${place(steps)} is longer than ${limit} characters.`))
    case 'minItems':
      return report(
        context,
        'HG2017',
        problem(
          `${place(steps)} needs ${limit === 1 ? 'an entry' : `at least ${limit} entries`}.`,
          limit === 1 ? 'Add one, or remove the key.' : undefined,
        ),
      )
    case 'maxItems':
      return report(context, 'HG2017', problem(`${place(steps)} has more than ${limit} entries.`))
    case 'pattern':
      return report(context, 'HG2016', problem(`${shown} does not fit ${place(steps)}.`, `It has to match \`${String(schema.pattern)}\`.`))
    case 'anyOf':
    case 'oneOf':
      return report(
        context,
        'HG1004',
        problem(`${place(steps)} fits none of its forms.`),
        schema.description === undefined ? [] : [`${steps.at(-1) ?? ''}: ${schema.description}`],
      )
    case 'minProperties':
      return report(context, 'HG2017', problem(`${place(steps)} needs an entry.`, 'Add one, or remove the key.'))
    default:
      return report(context, 'HG1004', problem(`${place(steps)} does not fit (${error.keyword}).`))
  }
}

const report = ({ steps, tree, findings }: Context, code: DiagnosticCode, found: Problem, notes: readonly string[] = []): void =>
  findings.report(code, tree.valueLocation(steps), found.message, { hint: found.hint, notes, pointer: pointerOf(steps) })
