import { ProviderFailure } from '../../gateway/plugin.ts'

export interface Address {
  readonly email: string
  readonly name?: string
}

/** As callers may write it. */
export type AddressInput = string | Address

/** Without control characters, so that nothing can begin a header of its own. */
export const oneLine = '^[^\\u0000-\\u001f\\u007f\\u0085\\u2028\\u2029]*$'

/** JSON Schema of `AddressInput`. Whether the text is an address is not said here: an address that is none is an `invalid_email`. */
export const addressSchema = (description: string) =>
  ({
    description: `${description}: \`ada@example.com\`, or with a name: \`{ email: ada@example.com, name: Ada }\`.`,
    anyOf: [
      { type: 'string', minLength: 1, maxLength: 320, pattern: oneLine, description: 'The address alone.' },
      {
        type: 'object',
        additionalProperties: false,
        required: ['email'],
        description: 'The address and a name.',
        properties: {
          email: { type: 'string', minLength: 1, maxLength: 320, pattern: oneLine, description: 'The address.' },
          name: { type: 'string', minLength: 1, maxLength: 200, pattern: oneLine, description: 'Name shown beside it.' },
        },
      },
    ],
  }) as const

const special = /[\s<>()[\]\\,;:"@\p{Cc}]/u
const label = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?$/u

/** RFC 5321's addresses without its rarities: no quoted local parts, no IP addresses in brackets. */
export function isAddress(text: string): boolean {
  const at = text.lastIndexOf('@')
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 1 || local.length > 64 || domain.length > 253) return false
  if (special.test(local) || local.startsWith('.') || local.endsWith('.') || local.includes('..')) return false
  return domain.split('.').every((part) => part.length <= 63 && label.test(part))
}

export const addressOf = (input: AddressInput): Address => (typeof input === 'string' ? { email: input } : input)

/** @throws {ProviderFailure} `invalid_email`, which names the place and not the address. */
export function recipientOf(input: AddressInput, field: string): Address {
  const address = addressOf(input)
  if (!isAddress(address.email)) throw new ProviderFailure('invalid_email', `${field} is no mail address`, { executed: 'no', code: 'address_syntax' })
  return address
}

/** For header fields and the JSON of providers that know only text: `"Ada, Countess" <ada@example.com>`; other alphabets are encoded. */
export function mailbox({ email, name }: Address): string {
  if (name === undefined) return email
  // RFC 2047, 5: an encoded word is at most 75 characters long; 42 bytes make 56 characters of base64.
  const shown = /^[\x20-\x7e]*$/.test(name) ? `"${name.replaceAll(/["\\]/g, '\\$&')}"` : encodedWords(name)
  return `${shown} <${email}>`
}

function encodedWords(text: string): string {
  const pieces: string[] = ['']
  for (const letter of text) {
    const last = pieces.length - 1
    if (Buffer.byteLength(`${pieces[last]}${letter}`) > 42) pieces.push(letter)
    else pieces[last] += letter
  }
  return pieces.map((piece) => `=?UTF-8?B?${Buffer.from(piece).toString('base64')}?=`).join(' ')
}

/** What a provider said, fit for logs: no addresses, one line, bounded. */
export const withoutAddresses = (text: string): string =>
  text
    .slice(0, 2000)
    .replaceAll(/[^\s<>()"',;]+@[^\s<>()"',;]+/g, '(address)')
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .slice(0, 300)
    .trim()
