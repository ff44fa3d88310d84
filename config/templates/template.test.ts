import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonValue } from '../model.ts'
import { compileCondition, compileTemplate, TemplateError, templateProblems } from './template.ts'

const fill = (source: JsonValue, input: unknown): JsonValue => compileTemplate(source, ['input'])({ input })

/** Of the `TemplateError` that it throws. */
const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('values', () => {
  test.each<[string, unknown, JsonValue]>([
    ['{{ input.amount }}', { amount: 1999 }, 1999],
    ['{{input}}', { a: [1, { b: null }] }, { a: [1, { b: null }] }],
    ['{{ input.amount * 100 }}', { amount: 19.5 }, 1950],
    ['{{ input.amount / 2 }}', { amount: 3 }, 1.5],
    ['{{ round(input.amount * 100) }}', { amount: 19.99 }, 1999],
    ['{{ size(input.items) * input.price }}', { items: [1, 2], price: 2.5 }, 5],
    ['{{ input.items.map(item, item.id) }}', { items: [{ id: 'a' }, { id: 'b' }] }, ['a', 'b']],
    ['{{ input.items.map(item, string(item.id)).join(", ") }}', { items: [{ id: 'a' }, { id: 7 }] }, 'a, 7'],
    ['{{ {"a": {"b": input.x}} }}', { x: true }, { a: { b: true } }],
    ['{{ "}}" }}', {}, '}}'],
    [`{{ 'it\\'s }}' }}`, {}, `it's }}`],
    ['{{ timestamp("2026-01-02T03:04:05Z") }}', {}, '2026-01-02T03:04:05.000Z'],
    ['{{ input.?name.orValue("nobody") }}', {}, 'nobody'],
    ['{{ 3u }}', {}, 3],
    ['no expression }}', {}, 'no expression }}'],
    ['/orders/{{ urlEncode(input.id) }}?a={{ input.n }}&b={{ input.ok }}', { id: '../a b', n: 1, ok: false }, '/orders/..%2Fa%20b?a=1&b=false'],
    ['Hello {{ input.?name }}!', {}, 'Hello !'],
  ])('%s', (source, input, expected) => {
    expect(fill(source, input)).toEqual(expected)
  })

  test('maps and lists keep their shape; what is absent is left out', () => {
    const source = { fixed: 1, none: '{{ input.?missing }}', list: ['{{ input.a }}', '{{ input.?missing }}', null], deep: { b: 'x {{ input.a }}' } }
    expect(fill(source, { a: 2 })).toEqual({ fixed: 1, list: [2, null], deep: { b: 'x 2' } })
  })

  test('any JSON passes through as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(JSON.stringify(fill('{{ input }}', value))).toBe(JSON.stringify(value))
      }),
    )
  })

  test('`__proto__` is a key like any other', () => {
    const input: unknown = JSON.parse('{"__proto__": {"polluted": true}}')
    expect(JSON.stringify(fill({ copy: '{{ input }}' }, input))).toBe('{"copy":{"__proto__":{"polluted":true}}}')
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })
})

describe('wrong templates', () => {
  test.each<[JsonValue, (string | number)[], string]>([
    [{ a: ['{{ inputt.x }}'] }, ['a', 0], '`inputt.x`: unknown name `inputt`, did you mean `input`? (known here: input)'],
    ['{{ input.x', [], 'an expression begins with `{{` and does not end with `}}`'],
    ['{{ "a }}', [], 'a text within an expression has no closing quote'],
    ['{{ }}', [], 'the expression is empty'],
    ['{{ 1 + }}', [], '`1 +` is not an expression: unexpected token: EOF'],
    ['{{ foo(input) }}', [], "`foo(input)` cannot work: found no matching overload for 'foo(dyn)'"],
    ['{{ 1 == "a" }}', [], '`1 == "a"` cannot work: no such overload: int == string'],
    [`{{ ${'1+'.repeat(2100)}1 }}`, [], 'the expression has more than 4096 characters'],
    ['{{ input.matches("^(a+)+$") }}', [], 'on some texts `^(a+)+$` takes time that doubles with each character'],
    ['{{ input.matches(input) }}', [], 'the pattern of `matches` has to be a fixed text'],
    ['{{ cel.bind(x, input + input, x + x) }}', [], '`cel.bind` is not available'],
  ])('%j', (source, steps, message) => {
    expect(templateProblems(source, ['input'])).toEqual([{ steps, message }])
    expect(() => compileTemplate(source, ['input'])).toThrow(TemplateError)
  })

  test('all problems are told at once', () => {
    expect(templateProblems({ a: '{{ x }}', b: '{{ input }}', c: ['{{ y }}'] }, ['input']).map(({ steps }) => steps)).toEqual([['a'], ['c', 0]])
  })

  test('loops are nested at most twice', () => {
    expect(templateProblems('{{ input.map(a, a.map(b, b.map(c, c))) }}', ['input'])).toHaveLength(1)
    expect(fill('{{ input.map(a, a.map(b, b)) }}', [[1]])).toEqual([[1]])
  })
})

describe('values that do not fit', () => {
  test.each<[JsonValue, unknown, string]>([
    [{ body: { name: '{{ input.name }}' } }, {}, 'body.name: `input.name`: a field that it names is not there'],
    [['{{ input.list[3] }}'], { list: [] }, '[0]: `input.list[3]`: the list has no such place'],
    ['{{ 9007199254740993 }}', {}, '`9007199254740993`: the result is a whole number beyond 2^53, which JSON cannot carry exactly; make it a text'],
    ['{{ input.a / 0 }}', { a: 1 }, '`input.a / 0`: the result is no finite number'],
    ['{{ b"abc" }}', {}, '`b"abc"`: the result is not JSON'],
    ['Hello {{ input.name }}', { name: null }, '`input.name`: the result is null, which has no place within a text'],
    ['Hello {{ input.name }}', { name: [] }, '`input.name`: the result is a list, which has no place within a text'],
    ['{{ input.constructor }}', {}, '`input.constructor`: a field that it names is not there'],
  ])('%j of %j', (source, input, message) => {
    expect(messageOf(() => fill(source, input))).toBe(message)
  })

  test('messages hold no values', () => {
    const secret = 'hunter2'
    for (const expression of [
      'int(input.a)',
      'double(input.a)',
      'timestamp(input.a)',
      'duration(input.a)',
      'bool(input.a)',
      'input[input.a]',
      'input.a + 1',
    ]) {
      expect(messageOf(() => fill(`{{ ${expression} }}`, { a: secret }))).not.toContain(secret)
    }
  })

  test('a small template cannot make a huge result', () => {
    const input = { list: Array.from({ length: 1000 }, () => 'x'.repeat(100)) }
    expect(() => fill('{{ input.list.map(item, input.list) }}', input)).toThrow('the result has more than')
    expect(() => fill('{{ input.list.map(a, input.list.map(b, a)) }}', { list: Array.from({ length: 1001 }, () => 1) })).toThrow(
      'loops within loops take at most 1000 items',
    )
  })
})

describe('conditions', () => {
  test('give true or false', () => {
    const condition = compileCondition('input.total > 100 && has(input.email)', ['input'])
    expect([condition({ input: { total: 101, email: 'a' } }), condition({ input: { total: 100, email: 'a' } })]).toEqual([true, false])
  })

  test('anything else is refused, when that is known or when it shows', () => {
    expect(() => compileCondition('1 + 1', ['input'])).toThrow('`1 + 1` gives int, not true or false')
    expect(() => compileCondition('input.a', ['input'])({ input: { a: 'yes' } })).toThrow('`input.a` is neither true nor false')
    expect(() => compileCondition('steps.a', ['input'])).toThrow('unknown name `steps`')
  })
})
