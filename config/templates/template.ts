import type { JsonValue } from '../model.ts'
import { compiledExpression, type Expression, quoted } from './expression.ts'
import { absent, jsonResult, type Size } from './json-result.ts'
import { TemplateError } from './template-error.ts'
import { textParts } from './text-parts.ts'

export { TemplateError } from './template-error.ts'

type Steps = readonly (string | number)[]
type Values = Readonly<Record<string, unknown>>
type Fill = (values: Values, size: Size) => JsonValue | typeof absent

export interface TemplateProblem {
  /** Place within the template. */
  readonly steps: Steps
  readonly message: string
}

/**
 * JSON whose texts may hold CEL expressions in double braces. A text that is nothing but one expression becomes its value, with its type;
 * `{{ input.?name }}` leaves its key or its place in a list out where the field is absent. Expressions within other text are put into it
 * as they are. Keys are taken as written.
 * @param variables Names that expressions may use.
 * @throws {TemplateError} on an expression that is wrong; what is returned throws it where a value is missing or does not fit.
 */
export const compileTemplate = (source: JsonValue, variables: readonly string[]): ((values: Values) => JsonValue) => {
  const problems: TemplateProblem[] = []
  const fill = compiled(source, variables, [], problems)
  const [first] = problems
  if (first !== undefined) throw new TemplateError(first.message, first.steps)
  return (values) => {
    const result = fill(values, { nodes: 0, characters: 0 })
    return result === absent ? null : result
  }
}

/** A condition: one CEL expression, without braces. @throws {TemplateError} as `compileTemplate`. */
export const compileCondition = (expression: string, variables: readonly string[]): ((values: Values) => boolean) => {
  const { type, run } = expressionAt(expression, variables, [])
  if (type !== 'bool' && type !== 'dyn') throw new TemplateError(`${quoted(expression)} gives ${type}, not true or false`, [])
  return (values) => {
    const result = atPlace([], expression, () => run(values))
    if (typeof result !== 'boolean') throw new TemplateError(`${quoted(expression)} is neither true nor false`, [])
    return result
  }
}

/** All that is wrong in a template. */
export const templateProblems = (source: JsonValue, variables: readonly string[]): readonly TemplateProblem[] => {
  const problems: TemplateProblem[] = []
  compiled(source, variables, [], problems)
  return problems
}

const compiled = (source: JsonValue, variables: readonly string[], steps: Steps, problems: TemplateProblem[]): Fill => {
  if (typeof source === 'string') return textOrNothing(source, variables, steps, problems)
  if (isList(source)) {
    const items = source.map((item, index) => compiled(item, variables, [...steps, index], problems))
    return (values, size) => items.map((fill) => fill(values, size)).filter((item) => item !== absent)
  }
  if (typeof source === 'object' && source !== null) {
    const entries = Object.entries(source).map(([key, value]) => [key, compiled(value, variables, [...steps, key], problems)] as const)
    return (values, size) => Object.fromEntries(entries.map(([key, fill]) => [key, fill(values, size)] as const).filter(isThere))
  }
  return () => source
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value)

const isThere = (entry: readonly [string, JsonValue | typeof absent]): entry is readonly [string, JsonValue] => entry[1] !== absent

const textOrNothing = (source: string, variables: readonly string[], steps: Steps, problems: TemplateProblem[]): Fill => {
  try {
    return text(source, variables, steps)
  } catch (error) {
    problems.push({ steps, message: error instanceof Error ? error.message : String(error) })
    return () => null
  }
}

const text = (source: string, variables: readonly string[], steps: Steps): Fill => {
  if (!source.includes('{{')) return () => source
  const parts = textParts(source)
  const [only] = parts
  if (parts.length === 1 && only !== undefined && 'expression' in only) {
    const { run } = compiledExpression(only.expression, variables)
    return (values, size) => atPlace(steps, only.expression, () => result(run(values), size))
  }
  const pieces = parts.map((part) => {
    if ('literal' in part) return () => part.literal
    const { run } = compiledExpression(part.expression, variables)
    return (values: Values, size: Size): string => atPlace(steps, part.expression, () => inText(result(run(values), size)))
  })
  return (values, size) => pieces.map((piece) => piece(values, size)).join('')
}

const result = (value: unknown, size: Size): JsonValue | typeof absent => {
  try {
    return jsonResult(value, size)
  } catch (error) {
    throw new Error(`the result ${error instanceof Error ? error.message : ''}`, { cause: error })
  }
}

const inText = (value: JsonValue | typeof absent): string => {
  if (value === absent) return ''
  if (value === null) throw new Error('the result is null, which has no place within a text')
  if (typeof value === 'object') throw new Error(`the result is a ${isList(value) ? 'list' : 'map'}, which has no place within a text`)
  return String(value)
}

const expressionAt = (expression: string, variables: readonly string[], steps: Steps): Expression => {
  try {
    return compiledExpression(expression, variables)
  } catch (error) {
    throw new TemplateError(error instanceof Error ? error.message : String(error), steps, error)
  }
}

const atPlace = <T>(steps: Steps, expression: string, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    throw new TemplateError(`${quoted(expression)}: ${error instanceof Error ? error.message : String(error)}`, steps, error)
  }
}
