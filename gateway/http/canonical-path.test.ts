import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalPath } from './canonical-path.ts'

/** Paths made of what canonicalisation is about, so that chance finds the odd combinations. */
const piece = fc.constantFrom(
  '/',
  '//',
  '.',
  '..',
  'a',
  'B',
  '~',
  '%41',
  '%7e',
  '%20',
  '%2e',
  '%2F',
  '%5c',
  '%25',
  '%c3%a4',
  '%00',
  '%',
  '%4',
  ';',
  '..;',
  ' ',
  '\\',
  '\xe4',
  '?',
  '#',
  '[',
  '*',
)
const anyPath = fc.array(piece, { maxLength: 20 }).map((pieces) => `/${pieces.join('')}`)

const pathOf = (raw: string): string | undefined => {
  const result = canonicalPath(raw)
  return 'path' in result ? result.path : undefined
}

/** The same, as a person would write it who has no time limit: one character and one segment after the other. */
function naive(raw: string): string | undefined {
  const unreserved = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~'
  let text = ''
  for (let i = 0; i < raw.length; i += 1) {
    const character = raw[i] as string
    if (character !== '%') {
      if (!`${unreserved}/!$&'()*+,;=:@`.includes(character)) return undefined
      text += character
      continue
    }
    const digits = raw.slice(i + 1, i + 3).toUpperCase()
    if (digits.length < 2 || digits.split('').some((digit) => !'0123456789ABCDEF'.includes(digit))) return undefined
    const code = Number(`0x${digits}`)
    const decoded = String.fromCharCode(code)
    if (code < 32 || code === 127 || '/\\.'.includes(decoded)) return undefined
    text += unreserved.includes(decoded) ? decoded : `%${digits}`
    i += 2
  }
  const stack: string[] = []
  const segments = text.split('/').slice(1)
  for (const segment of segments) {
    if (segment.startsWith('.;') || segment.startsWith('..;')) return undefined
    if (segment === '..') {
      if (stack.length === 0) return undefined
      stack.pop()
    } else if (segment !== '' && segment !== '.') stack.push(segment)
  }
  const endsAsFolder = ['', '.', '..'].includes(segments.at(-1) ?? '')
  return stack.length === 0 ? '/' : `/${stack.join('/')}${endsAsFolder ? '/' : ''}`
}

describe('the canonical path', () => {
  test('is what a naive reading of RFC 3986 gives', () => {
    fc.assert(
      fc.property(anyPath, (raw) => {
        expect(pathOf(raw)).toBe(naive(raw))
      }),
      { numRuns: 3000 },
    )
  })

  test('is canonical itself', () => {
    fc.assert(
      fc.property(anyPath, (raw) => {
        const path = pathOf(raw)
        fc.pre(path !== undefined)
        expect(pathOf(path)).toBe(path)
      }),
    )
  })

  test('begins with a slash and never holds a dot segment, an empty segment or an escape that hides one', () => {
    fc.assert(
      fc.property(anyPath, (raw) => {
        const path = pathOf(raw)
        fc.pre(path !== undefined)
        expect(path).toMatch(/^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/)
        expect(path).not.toMatch(/\/\/|(?:^|\/)\.{1,2}(?:\/|;|$)|%2[ef]|%5c|%[01]|%7f/i)
      }),
    )
  })

  test('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (raw) => ['path', 'problem'].includes(Object.keys(canonicalPath(raw))[0] as string)))
  })

  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['//a', '/a'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/a/b/..', '/a/'],
    ['/...', '/...'],
    ['/.a/..b', '/.a/..b'],
    ['/%7Ea', '/~a'],
    ['/%c3%a4', '/%C3%A4'],
    ['/a;v=1/b', '/a;v=1/b'],
  ])('of %s is %s', (raw, path) => {
    expect(canonicalPath(raw)).toEqual({ path })
  })

  test.each([
    ['a', 'The path does not start with a slash.'],
    ['/a b', 'The path has a character that must be percent-encoded.'],
    ['/%4', 'The path has a broken percent escape.'],
    ['/%0a', 'The path has an encoded control character.'],
    ['/%2f', 'The path has an encoded `/`.'],
    ['/%5C', 'The path has an encoded `\\`.'],
    ['/%2e', 'The path has an encoded `.`.'],
    ['/..', 'The path leaves the root.'],
    ['/..;/a', 'The path has a dot segment with parameters.'],
  ])('of %s is refused: %s', (raw, problem) => {
    expect(canonicalPath(raw)).toEqual({ problem })
  })

  test.each(['a', '/', 'a/', '../', 'a/../', '%41', '%', ';', '%2'])(
    'of 50 KiB of `%s` is found in time that grows with the length alone',
    (unit) => {
      const raw = `/${unit.repeat(Math.ceil(51_200 / unit.length))}\\`
      const startedAt = performance.now()
      for (let i = 0; i < 10; i += 1) canonicalPath(raw)
      expect((performance.now() - startedAt) / 10).toBeLessThan(50)
    },
  )
})
