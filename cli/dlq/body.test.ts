import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyText, indented } from './body.ts'

const escape = '\u001b'

test('JSON is indented, and every value keeps its spelling', () => {
  const body = '{"id":12345678901234567890,"a":1.0,"a":[ ],"list":[1,{"x":"a, b: {"}],"e":{}}'
  expect(bodyText(Buffer.from(body))).toBe(
    `{
  "id": 12345678901234567890,
  "a": 1.0,
  "a": [],
  "list": [
    1,
    {
      "x": "a, b: {"
    }
  ],
  "e": {}
}
`,
  )
})

test('indenting changes nothing but white space', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(JSON.parse(indented(json))).toEqual(JSON.parse(json))
      expect(indented(indented(json))).toBe(indented(json))
    }),
  )
})

test('indents as everybody does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = JSON.stringify(value)
      expect(indented(json)).toBe(JSON.stringify(JSON.parse(json), undefined, 2))
    }),
  )
})

test('text stays text, line by line, and steers no terminal', () => {
  expect(bodyText(Buffer.from('one\r\ntwo\n'))).toBe('one\ntwo\n')
  expect(bodyText(Buffer.from(`red ${escape}[31m and \u009b2J`))).toBe('red \\u{1b}[31m and \\u{9b}2J\n')
})

test('what is no text is a hex dump', () => {
  expect(bodyText(Buffer.from([0, 1, 0x41, 0xff, ...Buffer.from('0123456789abcdef')]))).toBe(
    `00000000  00 01 41 ff 30 31 32 33 34 35 36 37 38 39 61 62  ..A.0123456789ab
00000010  63 64 65 66                                      cdef
`,
  )
})

test('nothing is said to be nothing', () => {
  expect(bodyText(Buffer.alloc(0))).toBe('(empty)\n')
})

test('only the beginning of a large body is shown', () => {
  const text = bodyText(Buffer.alloc(1_048_576 + 65_536, 'a'))
  expect(text.length).toBeLessThan(70_000)
  expect(text.endsWith('… 1MiB more; --format json gives all of it\n')).toBe(true)
  expect(bodyText(Buffer.alloc(100_000)).split('\n')).toHaveLength(256 + 2)
})

test('never shows a raw control character, whatever the body', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(bodyText(Buffer.from(bytes))).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
    }),
  )
})
