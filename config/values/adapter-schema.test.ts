import { expect, test } from 'vitest'
import { adapterSchema } from './adapter-schema.ts'

const property = (schema: object): Readonly<Record<string, unknown>> => ({ type: 'object', additionalProperties: false, properties: { a: schema } })

test('all that does not fit is told by its place, without values', () => {
  const check = adapterSchema({ ...property({ type: 'string', enum: ['x', 'y'] }), required: ['b'] })
  const told = check({ a: 'hunter2', c: 'hunter2' })
  expect(told.map(({ pointer, message }) => [pointer, message])).toEqual([
    ['', "must have required property 'b'"],
    ['', 'must NOT have additional properties: c'],
    ['/a', 'must be equal to one of the allowed values: x, y'],
  ])
  expect(check({ a: 'x', b: 1 }).map(({ message }) => message)).toEqual(['must NOT have additional properties: b'])
})

test('defaults are filled in where that is asked for', () => {
  const [plain, filled]: object[] = [{}, {}]
  adapterSchema(property({ type: 'integer', default: 3 }))(plain)
  adapterSchema(property({ type: 'integer', default: 3 }), { useDefaults: true })(filled)
  expect([plain, filled]).toEqual([{}, { a: 3 }])
})

test.each([
  ['email', 'ada@example.com', 'ada at example.com'],
  ['email', 'a@b', 'a@b@c'],
  ['uri', 'https://example.com/x', 'example'],
  ['uuid', '0198c5a2-7d1e-7b0a-9c57-3f2d8f1e6a44', '0198c5a2'],
  ['date', '2026-01-31', '2026-13-01'],
  ['date-time', '2026-01-31T10:00:00Z', '2026-01-31 10:00'],
  ['headgate-duration', '30s', '30'],
])('format %s: %s fits, %s does not', (format, fits, unfit) => {
  const check = adapterSchema(property({ type: 'string', format }))
  expect([check({ a: fits }).length, check({ a: unfit }).length]).toEqual([0, 1])
})

test.each<[object, string]>([
  [{ type: 'strin' }, 'schema is invalid'],
  [{ type: 'string', minLenght: 1 }, 'unknown keyword: "minLenght"'],
  [{ type: 'string', format: 'telephone' }, 'unknown format "telephone"'],
  [{ $ref: 'https://example.com/x' }, "can't resolve reference"],
  [{ $async: true, type: 'object' }, '$async is not known here'],
])('%j is no schema that can be used: %s', (schema, message) => {
  expect(() => adapterSchema({ ...schema })).toThrow(message)
})
