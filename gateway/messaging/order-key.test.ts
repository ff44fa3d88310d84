import { expect, test } from 'vitest'
import { orderKey } from './order-key.ts'

const of = (body: string, headers: Record<string, string> = {}): { body: Buffer; headers: Record<string, string> } => ({
  body: Buffer.from(body),
  headers,
})

test.each([
  ['{"a":{"b":"x"}}', 'x'],
  ['{"a":{"b":7}}', '7'],
  ['{"a":{"b":false}}', 'false'],
  ['{"a":{"b":""}}', undefined],
  ['{"a":{"b":null}}', undefined],
  ['{"a":{"b":{}}}', undefined],
  ['{"a":[]}', undefined],
  ['{"a":"text"}', undefined],
  ['[]', undefined],
  ['{', undefined],
  ['', undefined],
])('of %j the key at /a/b is %j', (body, key) => {
  expect(orderKey({ body: ['a', 'b'] })(of(body))).toBe(key)
})

test('a key may stand in an element of an array, and never in what objects inherit', () => {
  expect(orderKey({ body: ['items', '1'] })(of('{"items":["x","y"]}'))).toBe('y')
  expect(orderKey({ body: ['constructor', 'name'] })(of('{}'))).toBeUndefined()
  expect(orderKey({ header: 'constructor' })(of('', {}))).toBeUndefined()
})

test('a key may stand in a header, whatever its case in the configuration', () => {
  expect(orderKey({ header: 'X-Customer' })(of('', { 'x-customer': '42' }))).toBe('42')
})

test('a long key is replaced by something short that is as good', () => {
  const keyOf = orderKey({ header: 'k' })
  const [one, two] = ['a', 'b'].map((end) => keyOf(of('', { k: 'x'.repeat(1000) + end })))
  expect(one).toHaveLength(43)
  expect(one).not.toBe(two)
})

test('without an order there is no key', () => {
  expect(orderKey(undefined)(of('{}', {}))).toBeUndefined()
})
