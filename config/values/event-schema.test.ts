import { expect, test } from 'vitest'
import { eventSchemaProblem } from './event-schema.ts'

test.each([
  [{}],
  [true],
  [{ type: 'object', required: ['a'], properties: { a: { type: ['string', 'null'], format: 'uuid', 'x-note': 1, example: 'b' } } }],
  [{ $schema: 'https://json-schema.org/draft/2020-12/schema', $defs: { a: { type: 'string' } }, properties: { b: { $ref: '#/$defs/a' } } }],
  [{ $schema: 'http://json-schema.org/draft-07/schema#', definitions: { a: {} }, items: [{ $ref: '#/definitions/a' }] }],
  [{ properties: { pattern: { type: 'string' }, patternProperties: { type: 'object' }, required: { const: 1 } } }],
  [{ prefixItems: [{ type: 'integer' }], unevaluatedProperties: false }],
])('%j can be used', (schema) => {
  expect(eventSchemaProblem(schema)).toBeUndefined()
})

test.each([
  [{ type: 'objekt' }, { steps: ['type'] }],
  [{ properties: { a: { minimum: '1' } } }, { steps: ['properties', 'a', 'minimum'] }],
  [{ properties: { a: { requried: [] } } }, { key: 'requried', hint: 'Did you mean `required`?' }],
  [{ $ref: 'https://example.com/a.json' }, { key: '$ref', value: 'https://example.com/a.json' }],
  [{ $ref: '#/$defs/a' }, { key: '$ref', value: '#/$defs/a' }],
  [{ items: { pattern: '^(a+)+$' } }, { steps: ['items', 'pattern'] }],
  [{ patternProperties: { '(a*)*': {} } }, { steps: ['patternProperties', '(a*)*'] }],
  [{ pattern: '[' }, { key: 'pattern', value: '[' }],
  [{ $schema: 'http://json-schema.org/draft-04/schema#' }, { steps: ['$schema'] }],
  [{ $async: true }, { key: '$async' }],
  ['text', { message: 'A JSON Schema is a map.' }],
])('%j is refused, with its place', (schema, problem) => {
  expect(eventSchemaProblem(schema)).toMatchObject(problem)
})
