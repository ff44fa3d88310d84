import { createHash } from 'node:crypto'
import type { Json } from '../../../gateway/plugin.ts'
import type { Claims } from './token-check.ts'

/** Which operation has confirmed a token: their claims differ. */
export type Confirmation = 'userinfo' | 'verify'

export interface Session {
  readonly claims: Claims
  readonly verifiedAtMs: number
}

/** What the provider has said of tokens, for when it is away. By the SHA-256 of the token; the token itself is not kept. */
export interface LocalSessions {
  /** @param expiresAtMs Of the token, where that is known. */
  keep(by: Confirmation, token: string, claims: Claims, expiresAtMs: number | undefined): void
  find(by: Confirmation, token: string): Session | undefined
  /** The provider does not accept it any more. */
  forget(token: string): void
  /** Of an opaque token, as the token endpoint said. */
  noteExpiry(token: string, atMs: number): void
}

interface Entry {
  readonly sessions: Map<Confirmation, Session & { readonly untilMs: number }>
  expiresAtMs: number
  characters: number
}

/** Claims that are larger are not kept. */
const maxClaimsCharacters = 8192
/** Of all claims together. */
const maxCharacters = 32 * 1024 * 1024

export const localSessions = ({ ttlMs, maxEntries, now }: { readonly ttlMs: number; readonly maxEntries: number; now(): number }): LocalSessions => {
  // The one that was used last stands at the end.
  const entries = new Map<string, Entry>()
  let characters = 0
  const remove = (key: string): void => {
    characters -= entries.get(key)?.characters ?? 0
    entries.delete(key)
  }
  const touched = (key: string): Entry => {
    const entry = entries.get(key) ?? { sessions: new Map(), expiresAtMs: Number.POSITIVE_INFINITY, characters: 0 }
    entries.delete(key)
    entries.set(key, entry)
    return entry
  }
  const shrink = (): void => {
    for (const key of entries.keys()) {
      if (entries.size <= maxEntries && characters <= maxCharacters) return
      remove(key)
    }
  }
  return {
    keep: (by, token, claims, expiresAtMs = Number.POSITIVE_INFINITY) => {
      const size = JSON.stringify(claims).length
      if (size > maxClaimsCharacters) return
      const entry = touched(digest(token))
      entry.expiresAtMs = Math.min(entry.expiresAtMs, expiresAtMs)
      entry.sessions.set(by, { claims, verifiedAtMs: now(), untilMs: now() + ttlMs })
      // Counted with the larger of the two: exact enough for a bound.
      characters += 2 * size - entry.characters
      entry.characters = 2 * size
      shrink()
    },
    find: (by, token) => {
      const key = digest(token)
      const session = entries.get(key)?.sessions.get(by)
      if (session === undefined) return undefined
      const { expiresAtMs } = touched(key)
      if (now() < Math.min(session.untilMs, expiresAtMs)) return session
      if (now() >= expiresAtMs) remove(key)
      return undefined
    },
    forget: (token) => remove(digest(token)),
    noteExpiry: (token, atMs) => {
      touched(digest(token)).expiresAtMs = atMs
      shrink()
    },
  }
}

const digest = (token: string): string => createHash('sha256').update(token).digest('base64')

/** `exp` of a JWT, unchecked: it can only shorten what is kept. */
export const statedExpiryMs = (token: string): number | undefined => {
  try {
    const claims: Json = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Json
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims['exp'] : undefined
    return typeof exp === 'number' ? exp * 1000 : undefined
  } catch {
    return undefined
  }
}
