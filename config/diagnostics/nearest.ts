/** Edit distance with swaps of neighbours (optimal string alignment); stops caring above `limit`. */
const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1]
      let least = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1)
      current.push(least)
    }
    before = last
    last = current
  }
  return last[b.length] ?? 0
}

const folded = (text: string): string => text.toLowerCase().replace(/[-_\s]/g, '')

/** Comparisons that one run may spend on suggestions; findings beyond them come without one. */
const maxComparisons = 100_000

/** `nearest` for runs that may have very many findings over very many names. */
export const boundedNearest = (): typeof nearest => {
  let comparisons = 0
  return (text, candidates) => {
    if (comparisons > maxComparisons) return undefined
    const names = [...candidates]
    comparisons += names.length
    return nearest(text, names)
  }
}

/**
 * The candidate that `text` was probably meant to be: equal but for case and separators, else the least edit distance
 * within about a third of its length. Undefined when nothing is near.
 */
export const nearest = (text: string, candidates: Iterable<string>): string | undefined => {
  if (text.length > 100) return undefined
  const limit = Math.max(1, Math.floor(text.length / 3))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    if (folded(candidate) === folded(text)) return candidate
    const found = distance(text, candidate, limit)
    // With every letter another one, two names have nothing in common.
    if (found < bestDistance && found < Math.max(text.length, candidate.length)) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}
