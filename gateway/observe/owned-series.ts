/** Series by their owner (a service, a route): looked up once, when a generation is built. */
export interface OwnedSeries<T> {
  /** The same object for the same owner until it is dropped, so that counts go on over reloads. */
  of(owner: string): T
  retain(owners: { has(owner: string): boolean }): void
  entries(): Iterable<[owner: string, series: T]>
}

export const ownedSeries = <T>(make: (owner: string) => T): OwnedSeries<T> => {
  const byOwner = new Map<string, T>()
  return {
    of: (owner) => {
      const known = byOwner.get(owner)
      if (known !== undefined) return known
      const made = make(owner)
      byOwner.set(owner, made)
      return made
    },
    retain: (owners) => {
      for (const owner of byOwner.keys()) if (!owners.has(owner)) byOwner.delete(owner)
    },
    entries: () => byOwner.entries(),
  }
}
