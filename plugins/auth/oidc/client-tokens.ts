import { singleFlight } from './single-flight.ts'
import type { Tokens } from './token-endpoint.ts'

/** Tokens of the client itself, kept until shortly before they expire. In memory, of this process. */
export interface ClientTokens {
  /** @throws {ProviderFailure} */
  get(scope: string | undefined, audience: string | undefined, signal: AbortSignal): Promise<Tokens & { readonly cached: boolean }>
}

const maxEntries = 100
/** A token is given out no more when this much of its life is left, or a fifth of it where that is less. */
const marginMs = 60_000

type Fetch = (scope: string | undefined, audience: string | undefined, signal: AbortSignal) => Promise<Tokens>

export const clientTokens = (fetch: Fetch, now: () => number): ClientTokens => {
  interface Entry {
    readonly load: (signal: AbortSignal) => Promise<Tokens>
    kept?: { readonly tokens: Tokens; readonly expiresAtMs: number; readonly untilMs: number }
  }
  const entries = new Map<string, Entry>()
  const entryOf = (scope: string | undefined, audience: string | undefined): Entry => {
    const key = JSON.stringify([scope ?? null, audience ?? null])
    const known = entries.get(key)
    entries.delete(key)
    const entry: Entry = known ?? {
      load: singleFlight(async (signal) => {
        const tokens = await fetch(scope, audience, signal)
        const lifeMs = (tokens.expiresInSeconds ?? 0) * 1000
        const expiresAtMs = now() + lifeMs
        entry.kept = { tokens, expiresAtMs, untilMs: expiresAtMs - Math.min(marginMs, lifeMs / 5) }
        return tokens
      }),
    }
    entries.set(key, entry)
    const [oldest] = entries.keys()
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
    return entry
  }
  return {
    get: async (scope, audience, signal) => {
      const { kept, load } = entryOf(scope, audience)
      if (kept === undefined || now() >= kept.untilMs) return { ...(await load(signal)), cached: false }
      return { ...kept.tokens, expiresInSeconds: Math.floor((kept.expiresAtMs - now()) / 1000), cached: true }
    },
  }
}
