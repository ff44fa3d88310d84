import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { editorSchema } from './editor-schema.ts'

const committed = join(import.meta.dirname, '../schemas/gateway.schema.json')
const text = `${JSON.stringify(editorSchema(), undefined, 2)}\n`
const ajv = (): Ajv => new Ajv({ strict: true, allowUnionTypes: true })

test('schemas/gateway.schema.json is what the schema says now', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(committed, text)
  expect(readFileSync(committed, 'utf8')).toBe(text)
})

test('it is a draft-07 schema that any validator can use: no formats of our own', () => {
  expect(ajv().validateSchema(editorSchema())).toBe(true)
  expect(text).not.toContain('"format"')
  expect(() => ajv().compile(editorSchema())).not.toThrow()
})

const accepts = (yaml: string): boolean => ajv().compile(editorSchema())(parse(yaml))

test('it accepts the integration design and references to the environment wherever a scalar is', () => {
  expect(accepts(readFileSync(join(import.meta.dirname, '../examples/integration-design/gateway.yaml'), 'utf8'))).toBe(true)
  expect(
    accepts(
      'access_log: { enabled: "${env:LOG}" }\nlog: { level: "${env:LEVEL}" }\nrouting_rules: [{ path: "/${env:P}", retries: "${env:N:-2}", timeout: "${env:T}" }]',
    ),
  ).toBe(true)
})

test.each([
  'routing_rules: [{ path: /a, timeout: 5 }]',
  'routing_rules: [{ path: /a, timeot: 5s }]',
  'routing_rules: [{ path: /a, timeout: 5sec }]',
  'log: { level: loud }',
  'routing_rules: [{}]',
])('it marks %s', (yaml) => {
  expect(accepts(yaml)).toBe(false)
})

test('every key has a description', () => {
  const bare: string[] = []
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    const { properties, items, additionalProperties, anyOf } = node as Record<string, unknown>
    for (const [name, child] of Object.entries(properties ?? {})) {
      if (!Object.hasOwn(child as object, 'description')) bare.push(`${path}.${name}`)
      visit(child, `${path}.${name}`)
    }
    visit(items, `${path}[]`)
    visit(additionalProperties, `${path}.*`)
    for (const branch of (anyOf ?? []) as unknown[]) visit(branch, path)
  }
  visit(editorSchema(), '')
  expect(bare).toEqual([])
})
