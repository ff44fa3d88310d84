import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Json } from '../../../gateway/plugin.ts'
import { fitsAlgorithm, isCanonicalBase64url, usableKey } from './key-hygiene.ts'

const jwk = (type: 'rsa' | 'ec' | 'ed25519', options: object = {}): Readonly<Record<string, string>> => {
  const { publicKey } = generateKeyPairSync(type as 'rsa', { modulusLength: 2048, namedCurve: 'P-256', ...options } as { modulusLength: number })
  return publicKey.export({ format: 'jwk' }) as Record<string, string>
}

const rsa = jwk('rsa')

test.each<[string, Json]>([
  ['RSA of 2048 bits', rsa],
  ['P-256', jwk('ec')],
  ['Ed25519', jwk('ed25519')],
  ['a key for signatures', { ...rsa, use: 'sig', key_ops: ['verify'], alg: 'RS256', kid: 'a', x5c: ['anything'] }],
])('takes %s', (_what, key) => {
  expect(usableKey(key)).toEqual(key)
})

test.each<[string, Json]>([
  ['the exponent 1, with which a message is its own signature', { ...rsa, e: 'AQ' }],
  ['an even exponent', { ...rsa, e: 'Ag' }],
  ['no exponent', { ...rsa, e: '' }],
  ['RSA of 1024 bits', jwk('rsa', { modulusLength: 1024 })],
  ['zeros in front of a short modulus', { ...rsa, n: Buffer.concat([Buffer.alloc(256), Buffer.from([1, 1])]).toString('base64url') }],
  ['padding within numbers', { ...rsa, e: 'AQAB=' }],
  ['spaces within numbers', { ...rsa, n: ` ${rsa['n']}` }],
  ['a private key', { ...rsa, d: 'AQAB' }],
  ['a shared secret', { kty: 'oct', k: 'AQAB' }],
  ['a key for encryption', { ...rsa, use: 'enc' }],
  ['a key that signs and does not verify', { ...rsa, key_ops: ['sign'] }],
  ['a curve that is not for signatures', { kty: 'OKP', crv: 'X25519', x: 'AQAB' }],
  ['a kid that is no text', { ...rsa, kid: 1 }],
  ['something else', ['RSA']],
])('leaves out %s', (_what, key) => {
  expect(usableKey(key)).toBeUndefined()
})

test('a key is for the algorithms of its kind, and for its own where it names one', () => {
  const key = usableKey(rsa)
  const ec = usableKey(jwk('ec'))
  if (key === undefined || ec === undefined) throw new Error('both are fine')
  const fitting = (of: typeof key): string[] => ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA', 'HS256', 'none'].filter((alg) => fitsAlgorithm(of, alg))
  expect(fitting(key)).toEqual(['RS256', 'PS512'])
  expect(fitting(ec)).toEqual(['ES256'])
  expect(fitting({ ...key, alg: 'PS512' })).toEqual(['PS512'])
})

test.each(['AQAB=', 'AQ AB', 'AQ+B', 'AQ/B', 'AR', 'A'])('%j is not how its bytes are written', (text) => {
  expect(isCanonicalBase64url(text)).toBe(false)
})
