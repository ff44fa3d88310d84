import { importJWK, type CryptoKey, type JWK } from 'jose'
import { type AdapterContext, type Json, ProviderFailure } from '../../../gateway/plugin.ts'
import { type Discovery, read } from './discovery.ts'
import { fitsAlgorithm, usableKey } from './key-hygiene.ts'
import { type Copy, Held, type KeptDocument, keptDocument } from './kept-document.ts'
import type { OidcConfig } from './settings.ts'

export interface KeySet {
  /** @throws {ProviderFailure} */
  all(signal: AbortSignal): Promise<Copy<readonly JWK[]>>
  /**
   * The key that a token names; fetched anew, at most once a minute, when it is not known.
   * @returns Undefined when the provider has no such key.
   * @throws {ProviderFailure} when the provider would have to be asked and cannot be.
   */
  find(header: { readonly alg: string; readonly kid: string | undefined }, signal: AbortSignal): Promise<CryptoKey | undefined>
}

const maxKeys = 100

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value)

export const keySet = (context: AdapterContext, config: OidcConfig, provider: KeptDocument<Discovery>): KeySet => {
  const kept = keptDocument<readonly JWK[]>({
    fetch: async (signal) => {
      const { value } = await provider.get(signal)
      const { keys } = await read(context, { path: value.endpoint('jwks_uri'), what: 'the JWKS', signal })
      if (!isList(keys)) throw new ProviderFailure('invalid_response', 'The JWKS has no list of keys', { executed: 'no', status: 200 })
      const usable = keys.slice(0, maxKeys).flatMap((key) => usableKey(key) ?? [])
      if (usable.length < keys.length) context.log.warn({ keys: keys.length, usable: usable.length }, 'keys of the provider are left out')
      return usable
    },
    freshMs: config.jwksCacheMs,
    staleMs: config.staleForMs,
    cooldownMs: config.jwksCooldownMs,
    refreshTimeoutMs: config.refreshTimeoutMs,
    now: () => context.now(),
    onStale: (error) => context.log.warn({ err: error }, 'the keys of the provider cannot be fetched; the last copy is used'),
  })
  const imported = new WeakMap<JWK, Map<string, Promise<CryptoKey>>>()
  const keyOf = (jwk: JWK, alg: string): Promise<CryptoKey> => {
    const known = imported.get(jwk) ?? new Map<string, Promise<CryptoKey>>()
    imported.set(jwk, known)
    const key = known.get(alg) ?? importKey(jwk, alg)
    known.set(alg, key)
    return key
  }
  const find: KeySet['find'] = async ({ alg, kid }, signal) => {
    const copy = await kept.get(signal)
    const known = choose(copy.value, alg, kid)
    if (known !== undefined) return keyOf(known, alg)
    const newer = await renewed(kept, copy, signal)
    const found = newer === undefined ? undefined : choose(newer.value, alg, kid)
    return found === undefined ? undefined : keyOf(found, alg)
  }
  return { all: (signal) => kept.get(signal), find }
}

type Keys = readonly JWK[]

const renewed = async (kept: KeptDocument<Keys>, seen: Copy<Keys>, signal: AbortSignal): Promise<Copy<Keys> | undefined> => {
  try {
    return await kept.renew(seen, signal)
  } catch (error) {
    // Nothing was sent, and the circuit breaker must not count it: otherwise forged tokens could open it.
    if (error instanceof Held) throw new ProviderFailure('circuit_open', 'The provider was away and is not asked again so soon', { executed: 'no' })
    throw error
  }
}

/** A token without `kid` needs a set in which one key alone comes into question. */
const choose = (keys: readonly JWK[], alg: string, kid: string | undefined): JWK | undefined => {
  const fitting = keys.filter((key) => fitsAlgorithm(key, alg) && (kid === undefined || key.kid === kid))
  return fitting.length === 1 ? fitting[0] : undefined
}

const importKey = async (jwk: JWK, alg: string): Promise<CryptoKey> => {
  try {
    const key = await importJWK(jwk, alg)
    if (!(key instanceof Uint8Array)) return key
  } catch (cause) {
    throw new ProviderFailure('invalid_response', 'A key of the provider cannot be used', { executed: 'no', cause })
  }
  throw new ProviderFailure('invalid_response', 'A key of the provider is no public key', { executed: 'no' })
}
