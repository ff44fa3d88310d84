import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js'
import { nearest } from '../diagnostics/nearest.ts'
import { backtracksExponentially } from '../values/pattern.ts'

const maxCharacters = 4096
/** Of loops within loops over values: their product is the work that one expression can make. */
const maxNestedItems = 1000

export interface Expression {
  /** CEL's name of the type that it gives, as far as that is known beforehand: `dyn` for what comes from outside. */
  readonly type: string
  /** @throws Error with the reason, which names no value. */
  run(values: Readonly<Record<string, unknown>>): unknown
}

let base: Environment | undefined
const environments = new Map<string, Environment>()
const maxEnvironments = 100

/**
 * JSON has one kind of number, which is CEL's `double`; so that `input.amount * 100` and `size(items) * input.price` mean what they say,
 * arithmetic mixes the two kinds. All else is CEL.
 */
const baseEnvironment = (): Environment => {
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: { maxAstNodes: 1000, maxDepth: 32, maxListElements: 1000, maxMapEntries: 1000, maxCallArguments: 16 },
  })
  const operators: Readonly<Record<string, (left: number, right: number) => number>> = {
    '+': (left, right) => left + right,
    '-': (left, right) => left - right,
    '*': (left, right) => left * right,
    '/': (left, right) => left / right,
    '%': (left, right) => left % right,
  }
  for (const [sign, apply] of Object.entries(operators)) {
    const mixed = (left: unknown, right: unknown): number => apply(Number(left), Number(right))
    environment.registerOperator(`double ${sign} int: double`, mixed)
    environment.registerOperator(`int ${sign} double: double`, mixed)
  }
  environment.registerOperator('double % double: double', (left: number, right: number) => left % right)
  environment.registerFunction('round(double): double', (value: number) => Math.round(value))
  environment.registerFunction('round(int): int', (value: bigint) => value)
  environment.registerFunction('urlEncode(string): string', (text: string) => encodeURIComponent(text.toWellFormed()))
  return environment
}

const environmentOf = (variables: readonly string[]): Environment => {
  const key = variables.join(' ')
  const known = environments.get(key)
  if (known !== undefined) return known
  base ??= baseEnvironment()
  const environment = base.clone()
  for (const name of variables) environment.registerVariable(name, 'dyn')
  if (environments.size >= maxEnvironments) environments.clear()
  environments.set(key, environment)
  return environment
}

/** @throws Error with a sentence for the author of the expression. */
export const compiledExpression = (text: string, variables: readonly string[]): Expression => {
  if (text === '') throw new Error('the expression is empty')
  if (text.length > maxCharacters) throw new Error(`the expression has more than ${maxCharacters} characters`)
  const parsed = parse(text, variables)
  const loops = nestedLoops(parsed.ast)
  if (loops > 2) throw new Error(`${quoted(text)} has loops within loops within loops, which would be slow`)
  const { valid, type = 'dyn', error } = parsed.check()
  if (!valid) throw new Error(unfit(text, variables, error))
  return {
    type,
    run: (values) => {
      if (loops > 1) checkLengths(values)
      try {
        const result: unknown = parsed(values)
        return result
      } catch (cause) {
        throw new Error(reasonOf(cause), { cause })
      }
    },
  }
}

const parse = (text: string, variables: readonly string[]): ParseResult => {
  try {
    return environmentOf(variables).parse(text)
  } catch (cause) {
    throw new Error(`${quoted(text)} is not an expression: ${lowerFirst(summaryOf(cause))}`, { cause })
  }
}

const unfit = (text: string, variables: readonly string[], error: unknown): string => {
  const name = /^Unknown variable: (.+)$/.exec(summaryOf(error))?.[1]
  if (name === undefined) return `${quoted(text)} cannot work: ${lowerFirst(summaryOf(error))}`
  const guess = nearest(name, variables)
  const known = variables.length === 0 ? 'no names are known here' : `known here: ${variables.join(', ')}`
  return `${quoted(text)}: unknown name \`${name}\`${guess === undefined ? '' : `, did you mean \`${guess}\`?`} (${known})`
}

const loopMacros = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

/**
 * How deeply loops over values are nested.
 * @throws Error for what could take very long or very much memory with few characters: patterns that are not fixed, or backtrack without
 * bound, and `cel.bind`, which doubles a text with each use.
 */
const nestedLoops = (node: ASTNode): number => {
  if (node.op === 'rcall') {
    const [name, receiver, args] = node.args
    if (name === 'bind') throw new Error('`cel.bind` is not available')
    if (name === 'matches') checkPattern(args[0])
    const inner = Math.max(0, ...args.map(nestedLoops))
    return Math.max(nestedLoops(receiver), loopMacros.has(name) ? inner + 1 : inner)
  }
  if (node.op === 'call') {
    const [name, args] = node.args
    if (name === 'matches') checkPattern(args[1])
    return Math.max(0, ...args.map(nestedLoops))
  }
  return Math.max(0, ...childrenOf(node.args).map(nestedLoops))
}

const checkPattern = (node: ASTNode | undefined): void => {
  if (node?.op !== 'value' || typeof node.args !== 'string') throw new Error('the pattern of `matches` has to be a fixed text')
  if (backtracksExponentially(node.args)) throw new Error(`on some texts ${quoted(node.args)} takes time that doubles with each character`)
}

const childrenOf = (args: unknown): ASTNode[] => {
  if (Array.isArray(args)) return args.flatMap(childrenOf)
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : []
}

/** @throws Error when loops within loops would go over long lists. */
const checkLengths = (value: unknown): void => {
  if (typeof value === 'string' && value.length > maxNestedItems)
    throw new Error(`loops within loops take texts of at most ${maxNestedItems} characters`)
  if (typeof value !== 'object' || value === null) return
  const items: unknown[] = Array.isArray(value) ? value : Object.values(value)
  if (items.length > maxNestedItems) throw new Error(`loops within loops take at most ${maxNestedItems} items`)
  for (const item of items) checkLengths(item)
}

/** The library's words where they speak of types and names only; others could hold values. */
const plainCodes = new Set([
  'no_such_overload',
  'no_matching_overload',
  'division_by_zero',
  'unknown_variable',
  'invalid_list_element_type',
  'int_conversion_error',
  'double_conversion_error',
])

const reasonOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'no_such_key') return 'a field that it names is not there'
  if (code === 'index_out_of_bounds') return 'the list has no such place'
  return plainCodes.has(code) ? lowerFirst(summaryOf(error)) : code === '' ? 'it cannot be computed' : code.replaceAll('_', ' ')
}

const summaryOf = (error: unknown): string => {
  if (typeof error === 'object' && error !== null && 'summary' in error && typeof error.summary === 'string') return error.summary
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}

const lowerFirst = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`

export const quoted = (text: string): string => `\`${text.length > 80 ? `${text.slice(0, 79)}…` : text}\``
