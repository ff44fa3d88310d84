import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAddress, mailbox, withoutAddresses } from './addresses.ts'

describe('an address', () => {
  test.each(['ada@example.com', 'a.b+c@sub.example.co', "o'neil@example.com", 'ada@bücher.example', 'δοκιμή@παράδειγμα.δοκιμή', 'root@localhost'])(
    'is %s',
    (text) => {
      expect(isAddress(text)).toBe(true)
    },
  )

  test.each([
    'ada',
    '@example.com',
    'ada@',
    'a b@example.com',
    'ada@exam ple.com',
    'ada@@example.com',
    'ada@-example.com',
    'ada@example..com',
    'ada@example.com.',
    '.ada@example.com',
    'a..b@example.com',
    '<ada@example.com>',
    'Ada <ada@example.com>',
    'ada@example.com,eve@example.com',
    'ada@[127.0.0.1]',
    '"a b"@example.com',
    'ada@example.com\r\nRCPT TO:<eve@example.com>',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a'.repeat(64)}.com`,
    `ada@${'a.'.repeat(127)}com`,
  ])('is not %j', (text) => {
    expect(isAddress(text)).toBe(false)
  })
})

describe('a mailbox', () => {
  test.each([
    [{ email: 'ada@example.com' }, 'ada@example.com'],
    [{ email: 'ada@example.com', name: 'Ada, "Countess" \\' }, '"Ada, \\"Countess\\" \\\\" <ada@example.com>'],
    [{ email: 'ada@example.com', name: 'Zoë' }, '=?UTF-8?B?Wm/Dqw==?= <ada@example.com>'],
  ])('of %o is %s', (address, text) => {
    expect(mailbox(address)).toBe(text)
  })

  test('keeps any name, in words of at most 75 characters that need no more than ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }), (name) => {
        const words = mailbox({ email: 'ada@example.com', name: `é${name}` })
          .split(' ')
          .slice(0, -1)
        expect(words.every((word) => word.length <= 75 && /^[\x21-\x7e]+$/.test(word))).toBe(true)
        const texts = words.map((word) => Buffer.from(/^=\?UTF-8\?B\?(.*)\?=$/.exec(word)?.[1] ?? '', 'base64').toString())
        expect(texts.join('')).toBe(`é${name}`.toWellFormed())
      }),
    )
  })
})

test('what a provider said is fit for logs: no addresses, one line, bounded', () => {
  expect(withoutAddresses('550 5.1.1 <ada@example.com>:\r\n  unknown "bob@example.com"')).toBe('550 5.1.1 <(address)>: unknown "(address)"')
  expect(withoutAddresses('x'.repeat(5000))).toHaveLength(300)
})
