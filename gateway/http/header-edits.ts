import type { HeaderEdits } from '../../config/model.ts'

/**
 * Compiles header edits of a rule. The result changes a flat list (name in lower case, value, ...) and returns it.
 * @param keep Number of leading entries that edits do not touch (the place for `host`).
 */
export function headerEditor(edits: HeaderEdits | undefined, keep = 0): ((headers: string[]) => string[]) | undefined {
  if (edits === undefined) return undefined
  const gone = new Set([...edits.remove, ...edits.set.map(([name]) => name)])
  const added = [...edits.set, ...edits.add].flat()
  return (headers) => {
    const result = headers.slice(0, keep)
    for (let i = keep; i < headers.length; i += 2) {
      const name = headers[i] as string
      if (!gone.has(name)) result.push(name, headers[i + 1] as string)
    }
    for (const text of added) result.push(text)
    return result
  }
}
