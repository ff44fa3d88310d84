/** Reproducible chance, uniform in [0, 1): what a run did can be done again with its seed. Source: mulberry32 by Tommy Ettinger (2017). */
export function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number of milliseconds between the two. */
export const between = (random: () => number, fromMs: number, toMs: number): number => Math.round(fromMs + random() * (toMs - fromMs))
