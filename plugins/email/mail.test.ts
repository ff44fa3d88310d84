import { describe, expect, test } from 'vitest'
import type { Json } from '../../gateway/plugin.ts'
import { ProviderFailure } from '../../gateway/plugin.ts'
import { mailOf } from './mail.ts'
import type { Mail } from './mail.ts'
import { durationMs } from './settings.ts'

const read = (input: object): Mail =>
  mailOf({ input: input as Json, key: 'hg_key', attempt: 1, firstAttemptAtMs: 0, signal: new AbortController().signal }, 'shop@example.com')
const failureOf = (input: object): unknown => {
  try {
    return read(input)
  } catch (error) {
    return error instanceof ProviderFailure ? [error.kind, error.code, error.executed] : error
  }
}
const mail = { to: ['ada@example.com'], subject: 'Hello', text: 'Text' }

describe('a mail', () => {
  test('has the sender of the settings, unless it names one', () => {
    expect(read(mail).from).toEqual({ email: 'shop@example.com' })
    expect(read({ ...mail, from: { email: 'me@example.com', name: 'Me' } }).from).toEqual({ email: 'me@example.com', name: 'Me' })
  })

  test.each([
    ['a sender that is no address', { ...mail, from: 'me' }, ['invalid_request', 'address_syntax', 'no']],
    ['a recipient that is no address', { ...mail, bcc: ['me'] }, ['invalid_email', 'address_syntax', 'no']],
    ['more than 50 recipients', { ...mail, to: Array(30).fill('a@b'), cc: Array(21).fill('a@b') }, ['invalid_request', 'too_many_recipients', 'no']],
    [
      'attachments of more than 20 MiB',
      { ...mail, attachments: [1, 2].map(() => ({ name: 'a', type: 'a/b', content: 'A'.repeat(14_000_000) })) },
      ['invalid_request', 'attachments_too_large', 'no'],
    ],
    ['a reserved header', { ...mail, headers: { 'content-transfer-ENCODING': '7bit' } }, ['invalid_request', 'header_reserved', 'no']],
    ['a line break in the subject', { ...mail, subject: 'a\nb' }, ['invalid_request', 'header_injection', 'no']],
    ['a line break in a header', { ...mail, headers: { 'X-A': 'a\rb' } }, ['invalid_request', 'header_injection', 'no']],
    ['a line break in a name', { ...mail, reply_to: { email: 'a@b', name: 'a\u2028b' } }, ['invalid_request', 'header_injection', 'no']],
    [
      'a line break in the name of a file',
      { ...mail, attachments: [{ name: 'a\nb', type: 'a/b', content: 'AAAA' }] },
      ['invalid_request', 'header_injection', 'no'],
    ],
  ])('with %s is refused before anything is sent', (_what, input, failure) => {
    expect(failureOf(input)).toEqual(failure)
  })
})

test.each([
  ['1h30m', 5_400_000],
  ['250ms', 250],
  ['10m', 600_000],
  ['2d', 172_800_000],
  ['never', Infinity],
])('the duration %s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})
