import { expect, test } from 'vitest'
import { schemaCheck } from './schema-check.ts'

const check = schemaCheck({
  type: 'object',
  additionalProperties: false,
  properties: {
    to: { type: 'string', format: 'email' },
    within: { type: 'string', format: 'headgate-duration', default: '30s' },
    from: { type: 'string', format: 'date-time' },
  },
})

test('defaults are filled into a copy', () => {
  const value = { to: 'ada@example.com' }
  expect(check(value)).toEqual({ value: { to: 'ada@example.com', within: '30s' } })
  expect(value).toEqual({ to: 'ada@example.com' })
})

test.each([
  ['to', 'hunter2'],
  ['within', '30'],
  ['from', 'yesterday'],
])('formats count at run time: %s %s does not fit, and is not told', (name, text) => {
  expect(JSON.stringify(check({ [name]: text }))).toMatch(new RegExp(`^{"problem":"/${name} must match format .{1,30}"}$`))
})

test('nothing is looked at after the first mismatch', () => {
  expect(check({ hunter: 1, other: 2, to: 'x' })).toEqual({ problem: 'the value must NOT have additional properties ("hunter")' })
})

test('what cannot be written as JSON fits nothing', () => {
  expect(check(1n as never)).toEqual({ problem: 'the value cannot be written as JSON' })
})
