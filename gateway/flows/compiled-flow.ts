import type { FlowCall, FlowConfig, FlowStepConfig, JsonValue } from '../../config/model.ts'
import { textParts } from '../../config/templates/text-parts.ts'
import { compileCondition, compileTemplate, TemplateError } from '../../config/templates/template.ts'
import type { FlowRecord } from './flow-record.ts'

type Values = Readonly<Record<string, unknown>>

/** A call with everything filled in. */
export type FilledCall =
  | {
      readonly type: 'service'
      readonly service: string
      readonly method: string
      /** The path as written, for metrics: its number of values is bounded. */
      readonly endpoint: string
      readonly path: string
      readonly headers: readonly (readonly [name: string, value: string])[]
      readonly body: JsonValue | undefined
    }
  | { readonly type: 'operation'; readonly integration: string; readonly operation: string; readonly input: JsonValue }

export interface CompiledStep {
  readonly config: FlowStepConfig
  /** @throws {TemplateError} */
  wanted(record: FlowRecord): boolean
  /** @throws {TemplateError} */
  call(record: FlowRecord): FilledCall
  /** Of a compensation that is a call of its own. @throws {TemplateError} */
  readonly undo: ((record: FlowRecord) => FilledCall) | undefined
}

/** The templates of a flow, ready to be filled from its record. */
export interface CompiledFlow {
  readonly steps: readonly CompiledStep[]
  /** @throws {TemplateError} */
  output(record: FlowRecord): JsonValue
}

const variables = ['input', 'steps', 'flow'] as const

/** @throws {TemplateError} where an expression is wrong. */
export function compiledFlow(config: FlowConfig): CompiledFlow {
  const output = config.output === undefined ? undefined : compileTemplate(config.output, variables)
  return {
    steps: config.steps.map(compiledStep),
    output: (record) => (output === undefined ? outputs(record) : output(valuesOf(record))),
  }
}

function compiledStep(config: FlowStepConfig): CompiledStep {
  const when = config.when === undefined ? undefined : compileCondition(config.when, variables)
  const call = filler(config.call)
  const undo = config.compensation.type === 'call' ? filler(config.compensation.call) : undefined
  return {
    config,
    wanted: (record) => when === undefined || when(valuesOf(record)),
    call: (record) => call(valuesOf(record)),
    undo: undo && ((record) => undo(valuesOf(record))),
  }
}

/** What expressions see. A step that was left out, or has failed, has the output `null`. */
const valuesOf = ({ id, flow, input, steps }: FlowRecord): Values => ({
  input,
  flow: { id, name: flow },
  steps: Object.fromEntries(steps.map(({ name, state, output }) => [name, { state, output: output ?? null }])),
})

const outputs = ({ steps }: FlowRecord): JsonValue => Object.fromEntries(steps.map(({ name, output }) => [name, output ?? null]))

function filler(call: FlowCall): (values: Values) => FilledCall {
  if (call.type === 'operation') {
    const { integration, operation } = call
    const input = compileTemplate(call.input, variables)
    return (values) => ({ type: 'operation', integration, operation, input: input(values) })
  }
  const { service, method } = call
  const path = pathTemplate(call.path)
  const headers = call.headers.map(([name, value]) => [name, compileTemplate(value, variables)] as const)
  const body = call.body === undefined ? undefined : compileTemplate(call.body, variables)
  return (values) => ({
    type: 'service',
    service,
    method,
    endpoint: call.path,
    path: path(values),
    headers: headers.map(([name, value]) => [name, headerValue(name, value(values))] as const),
    body: body?.(values),
  })
}

/**
 * The path of a request. What expressions give is percent-encoded and stays within its segment, or its parameter of the query: nothing that
 * a caller or a service says can lead to another place. An empty value would do so as well.
 */
function pathTemplate(source: string): (values: Values) => string {
  let inQuery = false
  const parts = textParts(source).map((part) => {
    if ('literal' in part) {
      inQuery ||= part.literal.includes('?')
      return () => part.literal
    }
    const value = compileTemplate(`{{ ${part.expression} }}`, variables)
    const place = inQuery ? 'query' : 'path'
    return (values: Values): string => pathValue(value(values), place, part.expression)
  })
  return (values) => {
    const path = parts.map((part) => part(values)).join('')
    const [beforeQuery = ''] = path.split('?')
    if (!path.startsWith('/')) throw new TemplateError('the path does not begin with a slash', [])
    if (beforeQuery.split('/').some((segment) => segment === '.' || segment === '..')) throw new TemplateError('the path leads elsewhere by dots', [])
    return path
  }
}

function pathValue(value: JsonValue, place: 'path' | 'query', expression: string): string {
  if (typeof value === 'object') throw new TemplateError(`\`${expression}\` gives no text, number or truth value for the ${place}`, [])
  const text = String(value)
  if (text === '' && place === 'path') throw new TemplateError(`\`${expression}\` gives nothing for the path`, [])
  return encodeURIComponent(text.toWellFormed())
}

function headerValue(name: string, value: JsonValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (!/^[\t\x20-\x7e]*$/.test(text)) throw new TemplateError(`header ${name}: the value is not visible ASCII`, [])
  return text
}
