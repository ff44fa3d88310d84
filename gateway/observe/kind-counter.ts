/** Counts by kind; the caller bounds the kinds. Kinds that never counted do not exist. */
export interface KindCounter<K extends string | number> {
  readonly counts: ReadonlyMap<K, number>
  add(kind: K): void
}

export const kindCounter = <K extends string | number>(): KindCounter<K> => {
  const counts = new Map<K, number>()
  return { counts, add: (kind) => void counts.set(kind, (counts.get(kind) ?? 0) + 1) }
}
