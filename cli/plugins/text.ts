import { commonKinds, type Adapter, type JsonSchema, type OperationDefinition } from '../../gateway/plugin.ts'
import type { TextStream } from '../io.ts'
import { table } from '../render/table.ts'
import type { AvailableAdapter } from './available.ts'

export const listText = (adapters: readonly AvailableAdapter[], stream: TextStream): string =>
  table(
    ['TYPE', 'CAPABILITY', 'FROM', 'SUMMARY'],
    adapters.map(({ adapter, from }) => [adapter.type, adapter.capability, from ?? 'built in', adapter.summary]),
    { width: stream.columns, style: stream.style },
  )

export const showText = ({ adapter, from }: AvailableAdapter, stream: TextStream): string => {
  const title = (text: string): string => `\n${stream.style('bold', text)}\n`
  const rows = (lines: readonly (readonly string[])[], headers: readonly string[]): string =>
    table(headers, lines, { width: stream.columns, style: stream.style, indent: '  ' })
  const settings = settingRows(adapter.settings)
  const declared = adapter.declared === undefined ? [] : settingRows(adapter.declared.settings)
  return [
    `${stream.style('bold', adapter.type)}: ${adapter.summary}\n`,
    rows(facts(adapter, from), ['', '']).split('\n').slice(1).join('\n'),
    settings.length === 0 ? '' : `${title('settings')}${rows(settings, settingHeaders)}`,
    declared.length === 0 ? '' : `${title('settings of each operation')}${rows(declared, settingHeaders)}`,
    ...Object.entries(adapter.operations).map(([name, operation]) => `${title(name)}${operationText(operation, stream)}`),
    adapter.webhook === undefined ? '' : `${title('webhook')}  ${adapter.webhook.summary}\n${rows(eventRows(adapter), ['EVENT', 'MEANING'])}`,
  ].join('')
}

const facts = (adapter: Adapter, from: string | undefined): string[][] => [
  ['capability', adapter.capability],
  ['from', from ?? 'built in'],
  ['base_url', adapter.baseUrl === false ? 'none: it does not speak HTTP' : (adapter.baseUrl ?? 'required')],
  ['auth', adapter.auth.join(', ')],
  ...(adapter.tokenUrl === undefined ? [] : [['token_url', adapter.tokenUrl]]),
]

const settingHeaders = ['NAME', 'TYPE', 'DEFAULT', 'MEANING'] as const

const settingRows = (schema: JsonSchema): string[][] => {
  const required: unknown = schema['required']
  return Object.entries(objectOf(schema['properties'])).map(([name, property]) => {
    const { type, description, default: fallback, writeOnly } = objectOf(property)
    const needed = Array.isArray(required) && required.includes(name) ? 'required' : ''
    return [
      name,
      `${typeof type === 'string' ? type : ''}${writeOnly === true ? ' (secret)' : ''}`,
      fallback === undefined ? needed : JSON.stringify(fallback),
      typeof description === 'string' ? description : '',
    ]
  })
}

const natures = {
  key: 'carries an idempotency key: repeated without harm',
  inherent: 'repeating has no further effect',
  none: 'each repetition has its effect: never repeated once it may have been sent',
} as const

const operationText = (operation: OperationDefinition, stream: TextStream): string => {
  const { undo, maxBatch, local, ephemeral, templateField, kinds = [] } = operation
  const own = kinds.filter((kind) => !commonKinds.some((common) => common === kind))
  const lines = [
    operation.summary,
    natures[operation.idempotency],
    ...(undo === undefined ? [] : [`undone by: ${Object.keys(undo).join(', ')}`]),
    ...(maxBatch === undefined ? [] : [`up to ${maxBatch} in one call`]),
    ...(local === true ? ['can be answered without the provider: `then: use_local_session`'] : []),
    ...(ephemeral === true ? ['passes credentials: calls from a route are not stored, and no key of their caller is taken'] : []),
    ...(templateField === undefined ? [] : [`\`then: use_default_template\` replaces \`${templateField}\``]),
    ...(own.length === 0 ? [] : [`own failures: ${own.join(', ')}`]),
  ]
  const input = settingRows(operation.input)
  const inputTable =
    input.length === 0 ? '' : table(['INPUT', 'TYPE', 'DEFAULT', 'MEANING'], input, { width: stream.columns, style: stream.style, indent: '  ' })
  return `${lines.map((line) => `  ${line}\n`).join('')}${inputTable}`
}

const eventRows = ({ webhook }: Adapter): string[][] => Object.entries(webhook?.events ?? {}).map(([name, { summary }]) => [name, summary])

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
