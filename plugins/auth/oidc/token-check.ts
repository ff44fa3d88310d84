import { decodeProtectedHeader, errors, jwtVerify } from 'jose'
import type { CryptoKey } from 'jose'
import { type Json, ProviderFailure } from '../../../gateway/plugin.ts'
import type { Discovery } from './discovery.ts'
import type { KeptDocument } from './kept-document.ts'
import { isCanonicalBase64url } from './key-hygiene.ts'
import type { KeySet } from './key-set.ts'
import type { OidcConfig } from './settings.ts'

export type Claims = Readonly<Record<string, Json>>

export interface Expected {
  readonly audience: string
  readonly nonce?: string
}

/** Longest token in characters. */
export const maxTokenLength = 16_384

/**
 * Claims of a JWT of the provider: signature, issuer, audience, times.
 * @throws {ProviderFailure} `rejected` with a code where it is not to be trusted; another kind where that cannot be told now.
 */
export type TokenCheck = (token: string, expected: Expected, signal: AbortSignal) => Promise<Claims>

export const tokenCheck =
  (config: OidcConfig, provider: KeptDocument<Discovery>, keys: KeySet, now: () => number): TokenCheck =>
  async (token, { audience, nonce }, signal) => {
    const { alg, kid } = headerOf(token, config.algorithms)
    const [{ value: discovered }, key] = await Promise.all([provider.get(signal), keys.find({ alg, kid }, signal)])
    if (key === undefined) throw refused('key_unknown', 'The provider has no key for this token')
    const claims = await verified(token, key, {
      issuer: discovered.issuer,
      audience,
      algorithms: [alg],
      clockTolerance: config.clockToleranceSeconds,
      currentDate: new Date(now()),
      requiredClaims: ['exp'],
    })
    if (nonce !== undefined && claims['nonce'] !== nonce) throw refused('nonce_mismatch', 'The token belongs to another sign-in')
    return claims
  }

/** The library accepts spaces and padding within tokens: their shape is looked at first. */
const headerOf = (token: string, algorithms: readonly string[]): { readonly alg: string; readonly kid: string | undefined } => {
  const parts = token.split('.')
  if (token.length > maxTokenLength || parts.length !== 3 || parts.some((part) => part === '' || !isCanonicalBase64url(part)))
    throw refused('token_malformed', 'This is no signed JWT')
  const { alg, kid, typ, crit, b64 } = protectedHeader(token)
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw refused('algorithm_not_allowed', 'The algorithm of the token is not accepted')
  if (crit !== undefined || b64 !== undefined || (kid !== undefined && typeof kid !== 'string'))
    throw refused('token_malformed', 'The header of the token is not accepted')
  // RFC 8725, 3.11: tokens that are made for other purposes.
  if (typ !== undefined && !(typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ)))
    throw refused('type_not_allowed', 'The type of the token is not accepted')
  return { alg, kid }
}

const protectedHeader = (token: string): Readonly<Record<string, unknown>> => {
  try {
    return decodeProtectedHeader(token)
  } catch {
    throw refused('token_malformed', 'This is no signed JWT')
  }
}

const verified = async (token: string, key: CryptoKey, options: Parameters<typeof jwtVerify>[2]): Promise<Claims> => {
  try {
    const { payload } = await jwtVerify(token, key, options)
    return payload as Claims
  } catch (error) {
    // The library's errors carry the claims, which are nobody's business in a log.
    const [code, message] = reasonOf(error)
    throw refused(code, message)
  }
}

const reasonOf = (error: unknown): readonly [string, string] => {
  if (error instanceof errors.JWTExpired) return ['token_expired', 'The token has expired']
  if (error instanceof errors.JWSSignatureVerificationFailed) return ['signature_invalid', 'The signature of the token is not right']
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'iss') return ['issuer_mismatch', 'The token is of another issuer']
    if (error.claim === 'aud') return ['audience_mismatch', 'The token is for somebody else']
    if (error.claim === 'nbf') return ['token_not_yet_valid', 'The token is not valid yet']
    return ['claim_invalid', `The claim ${error.claim} is not right`]
  }
  return ['token_malformed', 'The token cannot be read']
}

/** The caller's token is not accepted: not a matter of our own credentials. */
export const refused = (code: string, message: string, status?: number): ProviderFailure =>
  new ProviderFailure('rejected', message, { executed: 'no', code, ...(status === undefined ? {} : { status }) })
