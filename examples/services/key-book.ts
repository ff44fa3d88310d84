/** What a provider knows of idempotency keys. */
export interface KeyBook<Reply> {
  /**
   * Takes the key for a call: `free` when it is new, `busy` while the first call of this key is worked on, `other_parameters` when that one
   * wanted something else, or the answer that was kept.
   */
  claim(key: string, digest: string): Reply | 'free' | 'busy' | 'other_parameters'
  /** The answer for every repetition. */
  keep(key: string, reply: Reply): void
  /** Nothing was done that is worth remembering: the next call of this key is like the first. */
  free(key: string): void
}

/** Keys that are remembered; the oldest are forgotten. */
const maxRemembered = 100_000

export const keyBook = <Reply extends object>(): KeyBook<Reply> => {
  const entries = new Map<string, { readonly digest: string; reply: Reply | undefined }>()
  return {
    claim(key, digest) {
      const known = entries.get(key)
      if (known !== undefined) {
        if (known.digest !== digest) return 'other_parameters'
        return known.reply ?? 'busy'
      }
      entries.set(key, { digest, reply: undefined })
      const [oldest] = entries.keys()
      if (entries.size > maxRemembered && oldest !== undefined) entries.delete(oldest)
      return 'free'
    },
    keep(key, reply) {
      const known = entries.get(key)
      if (known !== undefined) known.reply = reply
    },
    free(key) {
      entries.delete(key)
    },
  }
}
