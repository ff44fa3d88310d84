import type { JWK } from 'jose'
import type { Json } from '../../../gateway/plugin.ts'
import { isObject } from './discovery.ts'

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', EdDSA: 'Ed25519', Ed25519: 'Ed25519' }
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const minModulusBits = 2048
const maxModulusBits = 16_384

/**
 * A public key for signatures that is fit for use. The library takes RSA keys whose exponent is 1, with which every message is its own
 * signature, and texts with padding or spaces in place of base64url.
 */
export const usableKey = (value: Json): JWK | undefined => {
  if (!isObject(value) || secretMembers.some((name) => name in value)) return undefined
  const { kty, use, key_ops: operations, alg, kid } = value
  if (use !== undefined && use !== 'sig') return undefined
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined
  if ((alg !== undefined && typeof alg !== 'string') || (kid !== undefined && typeof kid !== 'string')) return undefined
  const fits = kty === 'RSA' ? isSafeRsa(value) : kty === 'EC' ? isCurve(value, ['x', 'y']) : kty === 'OKP' && isCurve(value, ['x'])
  return fits ? value : undefined
}

/** Whether signatures of this algorithm can be checked with the key. */
export const fitsAlgorithm = (key: JWK, algorithm: string): boolean => {
  if (key.alg !== undefined && key.alg !== algorithm) return false
  if (/^[RP]S(?:256|384|512)$/.test(algorithm)) return key.kty === 'RSA'
  return curves[algorithm] !== undefined && key.crv === curves[algorithm]
}

/** Nothing but base64url, in the one way in which its bytes can be written. */
export const isCanonicalBase64url = (text: string): boolean => Buffer.from(text, 'base64url').toString('base64url') === text

const number = (value: Json | undefined): bigint | undefined => {
  if (typeof value !== 'string' || value === '' || value.length > 4096 || !isCanonicalBase64url(value)) return undefined
  return BigInt(`0x${Buffer.from(value, 'base64url').toString('hex')}`)
}

const isSafeRsa = ({ n, e }: Readonly<Record<string, Json>>): boolean => {
  const modulus = number(n)
  const exponent = number(e)
  if (modulus === undefined || exponent === undefined) return false
  const bits = modulus.toString(2).length
  return bits >= minModulusBits && bits <= maxModulusBits && exponent > 1n && exponent % 2n === 1n && exponent < modulus
}

const isCurve = (key: Readonly<Record<string, Json>>, coordinates: readonly string[]): boolean =>
  typeof key['crv'] === 'string' && Object.values(curves).includes(key['crv']) && coordinates.every((name) => number(key[name]) !== undefined)
